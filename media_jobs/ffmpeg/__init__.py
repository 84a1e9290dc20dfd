"""ffmpeg, held: every file is hostile until decoded: limits, local files only, and no process that outlives us."""
