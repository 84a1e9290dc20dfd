"""One viewer's side of the feed: one read before a page is made, one step that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import keys, registers, session, state
from domain.recommendations import Damaged, Version, block_of, find, unpack
from domain.registers import Register
from domain.session import Trace
from infra.place import ROOT
from ingest_api.errors import ViewersUnavailable
from ingest_api.feed.pages import Kept, PageName, read
from ingest_api.feed.script import Script
from ingest_api.product.viewers import RedisViewers

ANSWER_S = 0.5  # past it a page is made without
LOOK, SERVE = (ROOT / "infra" / "lua" / f"{name}.lua" for name in ("look", "serve"))


class Before(NamedTuple):
    """A viewer before the page.  Bitmaps by dense drama index; `last` are the dramas touched last, latest first.

    `personal` is their list in the version, by dense index; None where it could not be read.  `cooling`: dense indexes
    that they left at once again and again.  `pages`: the last two that they were served; `disliked`: ids in these.
    `round`: names the round of serving.
    """

    seen: bytes = b""
    served: bytes = b""
    last: Sequence[Trace] = ()
    personal: Sequence[int] | None = ()
    cooling: Sequence[int] = ()
    pages: Sequence[Kept] = ()
    disliked: frozenset[int] = frozenset()
    round: str = ""


class Candidate(NamedTuple):
    """A drama that may be served, whether it was served before, and what is kept of it (pages.told)."""

    drama_index: int
    drama_id: int
    again: bool
    told: str


class Order(NamedTuple):
    """What to serve: up to `size` for the page `name`; `more`: to what was taken for this page already.

    `round` and `served`: those of Before, out of which the candidates were chosen.
    """

    name: PageName
    request_id: str
    size: int
    more: bool = False
    round: str = ""
    served: bytes = b""


class Served(NamedTuple):
    """What was taken of the candidates, by their places; where the viewer is in each; indexes that were passed over.

    `taken`: how many of these, because other pages have taken them.  `tries`: of each place, how many candidates stood
    for it, if chance filled it: so much greater was that chance.  `kept`: the page was served already, as this; then
    nothing was taken.
    """

    places: Sequence[int]
    progress: Sequence[Register | None]
    passed: Sequence[int] = ()
    taken: int = 0
    tries: Sequence[int] = ()
    kept: Kept | None = None


class Shown(Protocol):
    """The viewers' side of the feed.  Every call may raise ViewersUnavailable."""

    async def before(self, user_id: int, version: Version | None) -> Before:
        """What is needed before a page is made."""

    async def serve(self, user_id: int, candidates: Sequence[Candidate], order: Order) -> Served:
        """Take the first, note them as served and keep the page, all in one step.

        Passed over is what the viewer dislikes, and what another page has taken since the candidates were chosen.
        One that was served before begins a new round, unless another page has begun one since: what was served when
        the candidates were chosen is forgotten, what was taken since is of the new round.  The last two pages are kept.
        """

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        """When the latest dramas (keys.RECENT_KEPT of them) were watched, by drama id."""

    async def disliked(self, user_id: int, drama_ids: Sequence[int]) -> set[int]:
        """Those that the viewer dislikes."""

    async def progress(self, user_id: int, drama_ids: Sequence[int]) -> dict[int, Register]:
        """Where the viewer is in these, by drama id; those never watched are not in it."""


class RedisShown:
    """Shown, in the keys of the viewer's partition."""

    def __init__(self, redis: Redis, viewers: RedisViewers) -> None:
        self._redis = redis
        self._viewers = viewers
        self._look, self._serve = (Script(redis, path.read_text(encoding="utf-8")) for path in (LOOK, SERVE))

    async def before(self, user_id: int, version: Version | None) -> Before:
        """See Shown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                found, personal = await self._looked(user_id, version)
                if found is None:  # a rebuild has moved the viewer's partition since its pointer was read
                    self._viewers.moved(user_id)
                    found, personal = await self._looked(user_id, version)
            if found is None:
                raise ViewersUnavailable
            return _before(found)._replace(personal=_personal(personal, user_id))
        except (RedisError, OSError, TimeoutError, ValueError) as error:  # ValueError: a cell that nobody wrote so
            raise ViewersUnavailable from error

    async def _looked(self, user_id: int, version: Version | None) -> tuple[Any, Any]:
        namespace, p = await self._viewers.place(user_id)
        names = [
            keys.seen(namespace, p, user_id), keys.served(p, user_id), keys.cooling(p, user_id),
            keys.recent(namespace, p, user_id), keys.user(namespace, p, user_id), keys.unlocked(p, user_id),
            keys.page(p, user_id), keys.namespace(p),
        ]  # fmt: skip
        block = None if version is None else keys.rec_users(str(version), block_of(user_id, version.blocks))
        return await self._look.beside(block, names, [session.LOOKED_AT, namespace])

    async def serve(self, user_id: int, candidates: Sequence[Candidate], order: Order) -> Served:
        """See Shown."""
        listed = " ".join(
            f"{index} {again:d} {state.dislike_field(drama_id)} {state.progress_field(drama_id)} {drama_id} {told}"
            for index, drama_id, again, told in candidates
        )
        life = keys.SERVED_LIFE_S, keys.PAGE_LIFE_S
        served = order.served if any(candidate.again for candidate in candidates) else b""
        page = str(order.name), order.request_id, int(order.more), order.round, served
        try:
            async with asyncio.timeout(ANSWER_S):
                namespace, p = await self._viewers.place(user_id)
                names = [keys.served(p, user_id), keys.user(namespace, p, user_id), keys.page(p, user_id)]
                places, progress, passed, taken, tries, kept = await self._serve(
                    names, [order.size, *life, *page, listed]
                )
            where = [_register(value, registers.PROGRESS_WIDTH) for value in progress]
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            raise ViewersUnavailable from error
        return Served(places, where, passed, taken, tries, read(kept.decode()) if kept else None)

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        """See Shown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                history = await self._viewers.history(user_id, 0, keys.RECENT_KEPT)
        except TimeoutError as error:
            raise ViewersUnavailable from error
        return {each.drama_id: each.at_ms for each in history}

    async def disliked(self, user_id: int, drama_ids: Sequence[int]) -> set[int]:
        """See Shown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._viewers.disliked(user_id, drama_ids)
        except TimeoutError as error:
            raise ViewersUnavailable from error

    async def progress(self, user_id: int, drama_ids: Sequence[int]) -> dict[int, Register]:
        """See Shown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._viewers.progress(user_id, drama_ids)
        except TimeoutError as error:
            raise ViewersUnavailable from error


def _before(found: Sequence[Any]) -> Before:
    """What infra/lua/look.lua answers."""
    seen, served, cooling, last, (*pages, served_round), disliked = found
    return Before(
        seen=seen or b"",
        served=served or b"",
        last=[_trace(*told) for told in last],
        cooling=_cooling(cooling or b""),
        pages=[read(page.decode()) for page in pages if page],
        disliked=frozenset(map(int, disliked)),
        round=served_round.decode() if served_round else "",
    )


def _trace(drama_id: bytes, at_ms: bytes, progress: bytes | None, *marks: int) -> Trace:
    """What is told of one drama; marks: liked, followed, disliked, unlocked."""
    return Trace(int(drama_id), int(float(at_ms)), _register(progress, registers.PROGRESS_WIDTH), *map(bool, marks))


def _cooling(packed: bytes) -> Sequence[int]:
    try:
        return unpack(packed)
    except Damaged:  # it only hides what was skipped
        return ()


def _personal(block: Any, user_id: int) -> Sequence[int] | None:
    try:
        return (find(cast(bytes, block), user_id) if block else None) or ()
    except Damaged:
        return None


def _register(value: bytes | None, width: int) -> Register | None:
    return registers.decode(value.decode() if value else None, width)
