"""Experiments on the feed: which arm a viewer is in, and what the arm changes.  Stateless: nothing is stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import msgspec

from domain.feed import SHARES, Source

BUCKETS = 10_000  # an arm's share is that many of these, a hundredth of a percent each
MOST_ARMS = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


class Unsound(ValueError):
    """The configuration is no experiment; the text says why."""


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`share` of the buckets; `blend` is each source's share of a page, a source that is not named has none."""

    share: int
    blend: Mapping[Source, float] = MappingProxyType(SHARES)


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`salt` makes the arms of one experiment independent of those of another; change it and viewers are dealt anew."""

    salt: str
    arms: dict[str, Arm]

    def arm_of(self, user_id: int) -> str:
        """The viewer's arm, the same in every process and for ever."""
        at = bucket(self.salt, user_id)
        return next(name for name, end in self.ends().items() if at < end)

    def ends(self) -> dict[str, int]:
        """The bucket before which each arm ends; arms follow each other by name, however the setting was written."""
        names = sorted(self.arms)
        return dict(zip(names, accumulate(self.arms[name].share for name in names), strict=True))

    def blend_of(self, arm: str) -> Mapping[Source, float]:
        """What a page of this arm is made of."""
        return self.arms[arm].blend


def bucket(salt: str, user_id: int) -> int:
    """0..BUCKETS - 1, spread evenly over viewers, and independently for different salts.

    The first 8 bytes of SHA-256 of `salt:viewer`, little endian, modulo BUCKETS: ClickHouse computes the same.
    """
    digest = hashlib.sha256(f"{salt}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % BUCKETS


def parse(text: str) -> Experiment:
    """The experiment that a setting describes as JSON; an empty text is everybody in arm `base`.

    {"salt": "2026-11", "arms": {"base": {"share": 9900}, "holdout": {"share": 100, "blend": {"hot": 1}}}}

    Raises Unsound.
    """
    if not text:
        return EVERYBODY
    try:
        found = msgspec.json.decode(text, type=Experiment)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unsound(str(error)) from error
    _check(found)
    return found


def _check(found: Experiment) -> None:
    if not 1 <= len(found.arms) <= MOST_ARMS or not 1 <= len(found.salt) <= 64:
        raise Unsound(f"1 to {MOST_ARMS} arms, and a salt of 1 to 64 characters")
    if wrong := [name for name in found.arms if not _NAME.fullmatch(name)]:
        raise Unsound(f"an arm's name is a word of small letters: {wrong[0]!r}")
    if min(arm.share for arm in found.arms.values()) < 0 or sum(arm.share for arm in found.arms.values()) != BUCKETS:
        raise Unsound(f"shares of arms are not negative and add up to {BUCKETS}")
    for name, arm in found.arms.items():
        _check_blend(name, arm.blend)


def _check_blend(name: str, blend: Mapping[Source, float]) -> None:
    usable: Any = [share for share in blend.values() if 0 <= share <= 1]  # NaN is neither
    if len(usable) != len(blend) or not 0 < sum(usable) <= 1 + 1e-9:
        raise Unsound(f"{name}: shares of a page are 0 to 1 and add up to at most 1")
    if Source.AGAIN in blend:
        raise Unsound(f"{name}: what was seen comes again when nothing else is left, not by share")


EVERYBODY = Experiment("everybody", {"base": Arm(BUCKETS)})
