"""One change a file, numbered; forward only."""
