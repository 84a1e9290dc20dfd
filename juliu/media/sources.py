"""Reads a folder or a manifest: which file is which episode, and which files say nothing.

A manifest is JSON Lines, one file each: {"file": "a/b.mp4", "episode_no": 3, "drama_id": 7}.  `file` is relative to the
manifest's folder and stays below it; a link is followed only as far as that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from domain.media import wechat_name
from domain.media.episode_files import MAX_FILES, Problem, Source, Trouble, is_video

MAX_MANIFEST = 4_000_000  # bytes: MAX_FILES lines of 400
TOLD = 10  # names in one note


class BadManifest(ValueError):
    """Neither a folder nor a manifest that can be read; the text says where."""


class Found(NamedTuple):
    """A file of a drama: `drama_id` 0 where its title has to tell."""

    source: Source
    path: Path
    drama_id: int = 0


class Read(NamedTuple):
    """What there is: files, what is wrong already, and what was passed over."""

    files: list[Found]
    problems: list[Problem]
    notes: list[str]


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    episode_no: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    drama_id: Annotated[int, msgspec.Meta(ge=0)] = 0


def read(path: Path, drama_id: int = 0) -> Read:
    """The files of a folder or manifest; `drama_id` for those that name none.  Raises BadManifest."""
    try:
        found = _folder(path) if path.is_dir() else _manifest(path)
    except OSError as error:
        raise BadManifest(f"{path}: {error.strerror}") from error
    files = [one._replace(drama_id=one.drama_id or drama_id) for one in found.files]
    if nameless := [one.source.name for one in files if not one.drama_id and not one.source.title]:
        raise BadManifest(f"{path}: {nameless[0]!r} names no drama: say drama_id there, or --drama")
    return found._replace(files=files)


def _folder(path: Path) -> Read:
    found = Read([], [], [])
    others: list[str] = []
    for entry in _entries(path):
        name = entry.name
        try:
            named = wechat_name.parse(name)
        except wechat_name.BadName as error:
            if is_video(name):
                found.problems.append(Problem(Trouble.BAD_NAME, str(error), names=(name,)))
            else:
                others.append(name)
            continue
        source = Source(name, _size(Path(entry.path), path), named.title, named.episode_no)
        found.files.append(Found(source, Path(entry.path)))
    if others:
        more = f" and {len(others) - TOLD} more" if len(others) > TOLD else ""
        found.notes.append(f"passed over: {', '.join(others[:TOLD])}{more}")
    return found


def _entries(path: Path) -> list[os.DirEntry[str]]:
    """What lies in the folder, by name; hidden ones and folders not.  Raises BadManifest, OSError."""
    with os.scandir(path) as entries:
        found = [entry for entry in _first(entries, path) if _is_file(entry)]
    return sorted(found, key=lambda entry: entry.name)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Or a link, whose end _size looks at: one in a ring is no folder either."""
    return not entry.name.startswith(".") and not entry.is_dir(follow_symlinks=False)


def _first(entries: Iterator[os.DirEntry[str]], path: Path) -> Iterator[os.DirEntry[str]]:
    for number, entry in enumerate(entries):
        if number >= MAX_FILES:
            raise BadManifest(f"{path}: more than {MAX_FILES:,} files: submit a drama at a time")
        yield entry


def _manifest(path: Path) -> Read:
    with path.open("rb") as file:
        text = file.read(MAX_MANIFEST + 1)
    if len(text) > MAX_MANIFEST:
        raise BadManifest(f"{path}: larger than {MAX_MANIFEST:,} bytes: no manifest")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_FILES:
        raise BadManifest(f"{path}: more than {MAX_FILES:,} files: submit a drama at a time")
    return Read([_file(path, number, line) for number, line in lines], [], [])


def _file(manifest: Path, number: int, line: bytes) -> Found:
    try:
        said = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadManifest(f"{manifest}, line {number}: {error}") from error
    path = manifest.parent / said.file
    return Found(Source(said.file, _size(path, manifest.parent), "", said.episode_no), path, said.drama_id)


def _size(path: Path, below: Path) -> int:
    """Bytes of a regular file below the folder; -1 for anything else (a pipe would never end)."""
    try:
        real = path.resolve(strict=True)
        if not real.is_file() or not real.is_relative_to(below.resolve()):
            return -1
        return real.stat().st_size
    except (OSError, RuntimeError, ValueError):  # nothing there, links in a ring, a NUL in the name
        return -1
