"""Where Alembic finds what has been changed, in order."""
