"""What a command is and what deciding one means: pure values, no I/O, no clock, no asyncio."""
