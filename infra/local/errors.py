"""What can go wrong with the local stack, in words that say what to type."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot do what was asked; the message says what to do.  Trying again unchanged will not help."""


class NotReady(Exception):
    """The program does not answer (yet); ask again a little later."""


class Waiting(NotReady):
    """The program answers, and says that it waits for something else: starting it anew would not help."""
