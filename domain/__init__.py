"""What is true whatever runs it: structs and pure functions, handed the time; no I/O, no clock, no framework."""
