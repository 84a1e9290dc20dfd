"""The keys of one partition as they must be, and how the text in each is read: written anew, sharing no decoder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from domain import canary, keys
from juliu.faults.expected import Expected, Play

BITS = {"views": 1, "valid_plays": 2, "long_plays": 4, "completes": 8}
QUALIFIED = 16
LIFE_S = keys.SESSION_LIFE_S
REACTIONS = {"likes": "rl{0}.{1}", "follows": "rf{0}", "dislikes": "rd{0}"}


@dataclass(frozen=True)
class Wanted:
    """One key: its cells, what a cell that is not there stands for, and how what Redis gives becomes cells."""

    what: str
    value: Mapping[Any, Any]
    read: Callable[[Any], dict[Any, Any]]
    life_s: int = keys.USER_LIFE_S  # that it has been given when it was written last; 0: for ever
    empty: Any = None


def wanted(expected: Expected, p: int, namespace: int) -> dict[str, Wanted]:
    """Key -> what must be in it."""
    return dict(_wanted(expected, p, namespace))


def _wanted(expected: Expected, p: int, ns: int) -> Iterator[tuple[str, Wanted]]:
    yield from _sessions(expected, p, ns)
    for user_id, cells in _viewers(expected).items():
        yield keys.user(ns, p, user_id), Wanted("register", cells, _user)
    for user_id, seen in expected.seen.items():
        yield keys.seen(ns, p, user_id), Wanted("seen bit", dict.fromkeys(seen, True), _bitmap)
    for user_id, dramas in expected.recent.items():
        newest = sorted(dramas.items(), key=lambda x: (x[1], str(x[0])))[-keys.RECENT_KEPT :]
        yield keys.recent(ns, p, user_id), Wanted("recent drama", dict(newest), _times)
    counts = {f"{drama_id}:{name}": n for (drama_id, name), n in expected.numbers().items()}
    yield keys.counters_part(ns, p), Wanted("counter", counts, _integers, life_s=0, empty=0)
    for (decay, epoch), scores in _heat(expected).items():
        yield keys.heat_part(decay, ns, p, epoch), Wanted("heat", scores, _scores, life_s=0)


def _sessions(expected: Expected, p: int, ns: int) -> Iterator[tuple[str, Wanted]]:
    seqs: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for user_id, session_id, seq in expected.accepted:
        if user_id not in canary.USERS:  # counts on by the clock: more holes than a window keeps
            seqs[user_id, session_id].append(seq)
    plays: defaultdict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
    for (user_id, session_id, play_id), play in expected.plays.items():
        if (bits := _bits(play)) or play.covered_ms:
            plays[user_id, session_id]["p" + play_id] = (bits, *union(play))
    for (user_id, session_id), of in seqs.items():
        window = {"w": (max(of), frozenset(range(1, max(of))) - frozenset(of))}
        cells = window | plays.get((user_id, session_id), {})
        yield (
            keys.session("counters", ns, p, user_id, session_id),
            Wanted("window or playback", cells, _session, LIFE_S),
        )
        yield (
            keys.session("store", ns, p, user_id, session_id),
            Wanted("window of the store", window, _session, LIFE_S),
        )
    for user_id, session_id, _ in expected.accepted:
        if user_id in canary.USERS:
            for group in ("counters", "store"):
                yield (
                    keys.session(group, ns, p, user_id, session_id),
                    Wanted("canary", {}, lambda _: {}, LIFE_S),
                )


def union(play: Play) -> list[tuple[int, int]]:
    """The ranges that were watched, ascending and apart from each other."""
    out: list[tuple[int, int]] = []
    for a, b in sorted(one for one in play.ranges if one[0] < one[1]):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return out


def _bits(play: Play) -> int:
    return sum(BITS[name] for name in play.passed) + QUALIFIED * play.qualified


def _viewers(expected: Expected) -> dict[int, dict[str, Any]]:
    viewers: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for (user_id, drama_id), (stamp, place) in expected.progress.items():
        viewers[user_id][f"g{drama_id}"] = (*stamp, *place)
    for (user_id, counter, drama_id, episode_no), (stamp, on) in expected.reactions.items():
        viewers[user_id][REACTIONS[counter].format(drama_id, episode_no)] = (*stamp, on)
    for user_id, drama_id, episode_no, half_hour in expected.heated:
        marks = viewers[user_id].setdefault(f"v{drama_id}", set())
        marks.add(half_hour << 17 | episode_no)
    return viewers


def _heat(expected: Expected) -> dict[tuple[str, int], dict[int, float]]:
    heat: defaultdict[tuple[str, int], dict[int, float]] = defaultdict(dict)
    for (decay, epoch, drama_id), weight in expected.heat.items():
        heat[decay, epoch][drama_id] = float(weight)
    return heat


# -- what Redis gives ------------------------------------------------------------------------------------------


def _session(raw: dict[bytes, bytes]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, text in raw.items():
        numbers = [int(x) for x in text.split(b",")]
        out[name.decode()] = _window(numbers) if name == b"w" else _playback(numbers)
    return out


def _window(numbers: list[int]) -> tuple[int, frozenset[int]]:
    """(highest, what is missing below); a floor counts as seen, which is what it means."""
    _, at, high, *gaps = numbers
    missing: set[int] = set()
    for ahead, length in zip(gaps[::2], gaps[1::2], strict=True):
        missing |= set(range(at + ahead, at + ahead + length + 1))
        at += ahead + length
    return high, frozenset(missing)


def _playback(numbers: list[int]) -> tuple[Any, ...]:
    bits, *steps = numbers
    places, at = [], 0
    for step in steps:
        at += step
        places.append(at)
    return bits, *zip(places[::2], places[1::2], strict=True)


def _user(raw: dict[bytes, bytes]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, text in raw.items():
        if name.startswith(b"v"):
            out[name.decode()] = {int(x) for x in text.split(b",")}
        else:
            width = 2 if name.startswith(b"g") else 1
            ts_ms, seq, *value = text.decode().split(",", 2 + width)
            out[name.decode()] = (int(ts_ms), value[-1], int(seq), *map(int, value[:-1]))
    return out


def _bitmap(raw: bytes) -> dict[int, bool]:
    return {8 * at + bit: True for at, byte in enumerate(raw) for bit in range(8) if byte & 0x80 >> bit}


def _scores(raw: list[tuple[bytes, float]]) -> dict[int, float]:
    return {int(member): score for member, score in raw}


def _times(raw: list[tuple[bytes, float]]) -> dict[int, int]:
    return {int(member): int(score) for member, score in raw}


def _integers(raw: dict[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(number) for name, number in raw.items()}
