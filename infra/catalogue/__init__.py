"""The catalogue's way: a file into MySQL (importing), MySQL into Redis (publish), Redis into processes (follower)."""
