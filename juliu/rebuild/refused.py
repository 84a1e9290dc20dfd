"""What a rebuild says when it must not go on."""

from __future__ import annotations


class Refused(RuntimeError):
    """Going on would make a wrong Redis, or nobody could go on from it; the text says what to do."""
