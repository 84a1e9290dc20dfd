"""Anybody's watch log in parquet, read into Interactions.  What cannot be meant is refused before it costs anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from recommender.evaluation import sessions
from recommender.evaluation.unfit import Unfit
from recommender.interactions import Flags, Floats, Interactions, Ints

NEEDED = ("user_id", "item_id", "ts")
OPTIONAL = ("weight", "positive", "session_id")
ROWS, USERS, ITEMS = 50_000_000, 10_000_000, 1_000_000  # of all files together; some 200 bytes a row while they are cut
MS_FROM = 10**11  # the year 5138 in seconds, 1973 in milliseconds
MS_UNTIL = 10**14  # the year 5138 in milliseconds
SECONDS_FROM = 10**8  # 1973: from here to MS_FROM nobody means milliseconds where others do


@dataclass(frozen=True)
class Logs:
    """Files read together: one numbering of viewers and items, and what each number is called."""

    parts: Mapping[str, Interactions]
    users: int
    names: pa.Array  # of items, by their number: whole numbers or strings


@dataclass(frozen=True)
class _File:
    path: Path
    table: pa.Table


def read(paths: Mapping[str, Path]) -> Logs:
    """Files by what they are for, each in order of time.  Raises Unfit."""
    counted = {part: _rows(path) for part, path in paths.items()}
    if sum(counted.values()) > ROWS:
        raise Unfit(f"{sum(counted.values()):,} rows; at most {ROWS:,} are measured at once")
    files = {part: _File(path, _table(path)) for part, path in paths.items()}
    tables = list(files.values())
    user, users = _numbers(tables, "user_id", USERS)
    item, items = _numbers(tables, "item_id", ITEMS)
    ends = np.cumsum([0, *counted.values()])
    ts_ms = np.concatenate([_ts_ms(file) for file in tables])
    whole = Interactions(
        user, item, ts_ms,
        weight=np.concatenate([_weight(file) for file in tables]),
        positive=np.concatenate([_positive(file) for file in tables]),
        session=_sessions(tables, user, ts_ms),
        random=np.zeros(len(ts_ms), bool),
    )  # fmt: skip
    spans = zip(files, ends[:-1], ends[1:], strict=True)
    return Logs({part: _in_order(whole, int(a), int(b)) for part, a, b in spans}, len(users), items)


def _in_order(whole: Interactions, begin: int, end: int) -> Interactions:
    return whole.where(begin + np.argsort(whole.ts_ms[begin:end], kind="stable"))


def _rows(path: Path) -> int:
    """How many, without reading them; that the columns are there, too."""
    try:
        file = parquet.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise Unfit(f"{path}: no parquet file that can be read: {error}") from error
    missing = [name for name in NEEDED if name not in file.schema_arrow.names]
    if missing:
        raise Unfit(f"{path}: no column {', '.join(missing)}; it has {', '.join(file.schema_arrow.names)}")
    if not file.metadata.num_rows:
        raise Unfit(f"{path}: no rows")
    return int(file.metadata.num_rows)


def _table(path: Path) -> pa.Table:
    try:
        file = parquet.ParquetFile(path)
        table = file.read([name for name in (*NEEDED, *OPTIONAL) if name in file.schema_arrow.names])
    except (OSError, pa.ArrowException) as error:
        raise Unfit(f"{path}: {error}") from error
    for name in table.column_names:
        nulls = table[name].null_count
        if nulls and name != "session_id":  # there a null says that nobody knows
            raise Unfit(f"{path}: {nulls:,} nulls in column {name}")
    return table


def _numbers(files: list[_File], name: str, most: int) -> tuple[Ints, pa.Array]:
    """Dense numbers in the order of the ids (-1 where there is none), and the ids."""
    chunks = [chunk for file in files for chunk in _ids(file, name).chunks]
    if len({chunk.type for chunk in chunks}) > 1:
        raise Unfit(f"column {name}: whole numbers in one file, strings in another")
    coded = pa.chunked_array(chunks).dictionary_encode()
    found = coded.chunk(0).dictionary  # one for all chunks
    if len(found) > most:
        raise Unfit(f"column {name}: {len(found):,} different ones; at most {most:,}")
    order = pc.sort_indices(found)
    place = np.full(len(found) + 1, -1, np.int64)
    place[order.to_numpy()] = np.arange(len(found))
    codes = np.concatenate([pc.fill_null(chunk.indices, -1).to_numpy() for chunk in coded.chunks])
    return place[codes], found.take(order)


def _ids(file: _File, name: str) -> pa.ChunkedArray:
    """As int64 or as strings."""
    column = file.table[name]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    try:
        if pa.types.is_integer(kind):
            return column.cast(kind).cast(pa.int64())
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            return column.cast(kind).cast(pa.large_string())
    except pa.ArrowException as error:
        raise Unfit(f"{file.path}: column {name}: {error}") from error
    raise Unfit(f"{file.path}: column {name} is {column.type}; whole numbers or strings are needed")


def _ts_ms(file: _File) -> Ints:
    """Unix milliseconds of a column of seconds, of milliseconds (its largest tells), or of timestamps."""
    if pa.types.is_timestamp(file.table["ts"].type):
        ts = file.table["ts"].cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).to_numpy()
        least, most, unit_ms = float(ts.min()), float(ts.max()), 1
    else:
        ts = _plain(file, "ts")
        least, most = float(ts.min()), float(ts.max())
        unit_ms = 1000 if most < MS_FROM else 1
    if least < 0 or most >= MS_UNTIL:
        raise Unfit(f"{file.path}: column ts goes from {least:.0f} to {most:.0f}: no Unix seconds or milliseconds")
    if most >= MS_FROM and ((ts >= SECONDS_FROM) & (ts < MS_FROM)).any():
        raise Unfit(f"{file.path}: column ts has both seconds and milliseconds, from {least:.0f} to {most:.0f}")
    wide = np.float64 if ts.dtype.kind == "f" else np.int64
    return np.asarray(ts.astype(wide) * unit_ms).astype(np.int64)


def _weight(file: _File) -> Floats:
    if "weight" not in file.table.column_names:
        return np.ones(file.table.num_rows, np.float32)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        weight = _plain(file, "weight").astype(np.float32)
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise Unfit(f"{file.path}: column weight has values below 0 or without end")
    return weight


def _positive(file: _File) -> Flags:
    """Where the log does not say it, whatever was watched."""
    if "positive" not in file.table.column_names:
        return _weight(file) > 0
    values = _plain(file, "positive")
    if not ((values == 0) | (values == 1)).all():
        raise Unfit(f"{file.path}: column positive has other values than true, false, 1, 0")
    return values.astype(bool)


def _plain(file: _File, name: str) -> NDArray[Any]:
    """A column of numbers, none of them NaN."""
    column = file.table[name]
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise Unfit(f"{file.path}: column {name} is {kind}; numbers are needed")
    values: NDArray[Any] = column.to_numpy()
    if pa.types.is_floating(kind) and np.isnan(values).any():
        raise Unfit(f"{file.path}: column {name} has values that are no number")
    return values


def _sessions(files: list[_File], user: Ints, ts_ms: Ints) -> Ints:
    """As the files say; by silence where one of them does not."""
    if any("session_id" not in f.table.column_names or f.table["session_id"].null_count == len(f.table) for f in files):
        return sessions.by_silence(user, ts_ms)
    return sessions.of_viewers(user, _numbers(files, "session_id", ROWS)[0])
