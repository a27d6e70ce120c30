"""How a command becomes a commit: intake, lanes, batches, fence, replay."""
