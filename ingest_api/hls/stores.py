"""What encrypted episodes are served from, as the settings have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from sqlalchemy.engine import Engine

from infra.media.keys import KeyStore, Sealer
from infra.media.playlists import PlaylistStore
from infra.settings import Settings
from ingest_api.hls.files import Playlists, Served
from ingest_api.hls.segments import Away, Beside, Segments, away_of


class Keys(Protocol):
    """The keys that renditions are encrypted with.  Blocks."""

    def key(self, drama_id: int, episode_no: int, hash12: str, rung: str) -> bytes | None:
        """Sixteen bytes; None where none was made.  Raises Wait, KeyDamaged."""


class Stores(NamedTuple):
    """`away` None: what is in no folder is nowhere.  `keys` None: without JULIU_MEDIA_KEY_SECRET no key is given."""

    served: Served
    playlists: Playlists
    segments: Segments
    away: Away | None
    keys: Keys | None


def stores_of(settings: Settings, mysql: Engine, now_ms: Callable[[], int]) -> Stores:
    """Those of the settings.  Raises NoSecret for a weak secret, WeakCdnKey for a CDN without a key, Nowhere."""
    served = Served(settings.media_root)
    sealed = settings.media_key_secret.get_secret_value()
    keys = KeyStore(mysql, Sealer.of(settings), now_ms) if sealed else None
    away, playlists = away_of(settings), Playlists(served, PlaylistStore(mysql, now_ms))
    return Stores(served, playlists, away or Beside(), away, keys)
