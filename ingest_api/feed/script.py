"""A Lua script on Redis, in one round trip with a read beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError


class Script:
    """A script of Redis that is sent by its name; its text goes only where the server does not know it."""

    def __init__(self, redis: Redis, text: str) -> None:
        self._redis = redis
        self._text = text
        self._sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324  the name that Redis gives it, no secret

    async def __call__(self, names: Sequence[str], arguments: Sequence[int | str | bytes]) -> Any:
        """Its answer."""
        answer, _ = await self.beside(None, names, arguments)
        return answer

    async def beside(
        self, key: str | None, names: Sequence[str], arguments: Sequence[int | str | bytes]
    ) -> tuple[Any, Any]:
        """Its answer, and what GET says of `key` (None: nothing is asked), in one round trip."""
        try:
            return await self._run(key, names, arguments)
        except NoScriptError:
            await self._redis.script_load(self._text)
            return await self._run(key, names, arguments)

    async def _run(
        self, key: str | None, names: Sequence[str], arguments: Sequence[int | str | bytes]
    ) -> tuple[Any, Any]:
        words = (*names, *(argument if isinstance(argument, bytes) else str(argument) for argument in arguments))
        if key is None:
            return await self._redis.evalsha(self._sha, len(names), *words), None
        pipe = self._redis.pipeline(transaction=False)
        pipe.evalsha(self._sha, len(names), *words)
        pipe.get(key)
        answer, found = await pipe.execute()
        return answer, found
