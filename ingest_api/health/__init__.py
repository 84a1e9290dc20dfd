"""Is this process alive, can it do its work, and what has it counted."""
