"""ffmpeg, held: every file is hostile until decoded, so it runs with limits, on local files only, and never outlives us."""
