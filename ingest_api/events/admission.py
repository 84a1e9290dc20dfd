"""May another batch come in?  Decided before its body is read, from what waits for Kafka and what is half received."""

from __future__ import annotations

from ingest_api.errors import Overloaded
from ingest_api.events.log import Log


class Admission:
    """Counts the bytes of bodies that are being received, and says no past the high-water marks.

    What is admitted may still grow by its own body: `hold` asks again for each piece, with room to finish.
    """

    def __init__(self, log: Log, messages: int, size: int) -> None:
        self._log = log
        self._messages = messages
        self._bytes = size
        self._held = 0

    def check(self) -> None:
        """Raises Overloaded when too many messages, or too many bytes, are on their way."""
        waiting = self._log.waiting()
        if waiting.messages >= self._messages or waiting.bytes + self._held >= self._bytes:
            raise Overloaded

    def hold(self, size: int) -> None:
        """Note `size` more bytes of an unfinished body.  Raises Overloaded when memory is twice past the mark."""
        self._held += size
        if self._held >= 2 * self._bytes:
            raise Overloaded

    def release(self, size: int) -> None:
        """These held bytes are finished or given up."""
        self._held -= size
