"""An encrypted episode at addresses under a grant: playlists, segments and the key service; posters beside it."""
