"""What media jobs decide, without any I/O: steps, verdicts, names, playlists, prices."""
