"""The published form of the catalogue: its version, a base in compressed chunks, deltas.  Bytes in and out, no I/O."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec

from domain.catalogue import Drama

FORMAT = 1  # a follower that meets a higher one keeps what it has and says so
CHUNK_DRAMAS = 250  # decoding one holds the interpreter for a millisecond or two
DELTA_DRAMAS = 250  # more changes than this make a new base
DELTAS_KEPT = 200  # so that all deltas of a base together are smaller than the largest base
MAX_INFLATED = 64 * 1_048_576  # of a chunk or delta: 250 dramas of 2,000 episodes are 3 MB


class CatalogueDamaged(RuntimeError):
    """What is published cannot be used as it stands; a reader keeps what it has and looks again later."""


class Version(msgspec.Struct, frozen=True, order=True):
    """What readers compare: the base, how many of its deltas count, and the revision of MySQL that this is."""

    base: int
    deltas: int
    revision: int

    def __str__(self) -> str:
        return f"{self.base}:{self.deltas}:{self.revision}"

    @classmethod
    def parse(cls, raw: bytes) -> Version:
        """Raises CatalogueDamaged where this is no version."""
        try:
            base, deltas, revision = map(int, raw.split(b":"))
        except ValueError as error:
            raise CatalogueDamaged(f"no version: {raw[:64]!r}") from error
        return cls(base, deltas, revision)


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a base consists of; `chunks` are the sha256 of each, `previous` is the base that it took the place of."""

    format: int = FORMAT
    revision: int
    dramas: int
    chunks: list[str]
    previous: int | None = None


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """The dramas that changed after revision `after`, as of `revision`."""

    format: int = FORMAT
    after: int
    revision: int
    dramas: list[Drama]


_Kind = TypeVar("_Kind", Meta, Delta)


class _Format(msgspec.Struct):
    format: int


_encode = msgspec.msgpack.Encoder(enc_hook=list).encode  # the hook meets only arrays of durations


def chunk_of(dramas: Sequence[Drama]) -> bytes:
    """A chunk of a base."""
    return zlib.compress(_encode(dramas))


def digest_of(chunk: bytes) -> str:
    """What `Meta.chunks` says about a chunk."""
    return hashlib.sha256(chunk).hexdigest()


def delta_of(delta: Delta) -> bytes:
    """A delta as it is pushed."""
    return zlib.compress(_encode(delta))


def meta_of(meta: Meta) -> bytes:
    """A base's meta as it is stored."""
    return msgspec.json.encode(meta)


def read_meta(raw: bytes) -> Meta:
    """Raises CatalogueDamaged where it is not readable or of a newer format."""
    return _known(msgspec.json.decode, raw, Meta)


def read_chunk(raw: bytes, digest: str) -> list[Drama]:
    """Raises CatalogueDamaged where the chunk is not the one that `digest` is of."""
    if digest_of(raw) != digest:
        raise CatalogueDamaged("a chunk does not match its sha256")
    try:
        return msgspec.msgpack.decode(_inflate(raw), type=list[Drama])
    except (msgspec.DecodeError, OverflowError) as error:
        raise CatalogueDamaged(f"a chunk is not readable: {error}") from error


def read_delta(raw: bytes) -> Delta:
    """Raises CatalogueDamaged where it is not readable or of a newer format."""
    return _known(msgspec.msgpack.decode, _inflate(raw), Delta)


def _known(decode: Any, raw: bytes, kind: type[_Kind]) -> _Kind:
    try:
        if (found := decode(raw, type=_Format).format) > FORMAT:
            raise CatalogueDamaged(f"format {found} is newer than this process understands ({FORMAT}): update it")
        return cast(_Kind, decode(raw, type=kind))
    except (msgspec.DecodeError, OverflowError) as error:
        raise CatalogueDamaged(f"not a {kind.__name__}: {error}") from error


def _inflate(raw: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(raw, MAX_INFLATED)
    except zlib.error as error:
        raise CatalogueDamaged(f"not compressed data: {error}") from error
    if not stream.eof:
        raise CatalogueDamaged("cut short, or larger than allowed")
    return data
