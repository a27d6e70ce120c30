"""The single writer: commands in, batched version-checked commits out."""
