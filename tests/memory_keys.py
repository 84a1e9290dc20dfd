"""The memory twin of the keys of renditions and of their playlists."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.media import names
from infra.fold_store import Wait
from infra.media.keys import KEY_BYTES, MOST_RUNGS
from infra.media.playlists import MOST, checked


@dataclass
class MemoryKeys:
    """`away`: nothing answers."""

    away: bool = False
    _keys: dict[str, bytes] = field(default_factory=dict)

    def keys_for(self, drama_id: int, episode_no: int, hash12: str, rungs: Sequence[str]) -> Mapping[str, bytes]:
        if not 1 <= len(rungs) <= MOST_RUNGS:
            raise ValueError("no set of playlists, or of rungs, that could be kept")
        rows = {rung: names.playlist(drama_id, episode_no, hash12, rung) for rung in rungs}
        self._answer()
        return {rung: self._keys.setdefault(row, os.urandom(KEY_BYTES)) for rung, row in rows.items()}

    def key(self, drama_id: int, episode_no: int, hash12: str, rung: str) -> bytes | None:
        row = names.playlist(drama_id, episode_no, hash12, rung)
        self._answer()
        return self._keys.get(row)

    def _answer(self) -> None:
        if self.away:
            raise Wait("mysql", "away")


@dataclass
class MemoryPlaylists:
    """`away`: nothing answers."""

    away: bool = False
    texts: dict[str, str] = field(default_factory=dict)

    def put(self, texts: Mapping[str, str]) -> None:
        if not 1 <= len(texts) <= MOST:
            raise ValueError("no set of playlists, or of rungs, that could be kept")
        kept = {key: checked(key, text).decode() for key, text in texts.items()}
        self._answer()
        self.texts.update(kept)

    def read(self, key: str) -> str | None:
        self._answer()
        return self.texts.get(key)

    def _answer(self) -> None:
        if self.away:
            raise Wait("mysql", "away")
