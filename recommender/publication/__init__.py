"""How lists get to readers: versions in Redis, one pointer, and the way back."""
