"""What the container image needs besides the code."""
