"""Reads the price file (JULIU_MEDIA_PRICES, TOML): what it does not say is as domain.media.prices has it."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec

from domain.media.prices import Prices

LONGEST = 65_536  # bytes: a dozen lines


class BadPrices(ValueError):
    """The file cannot be read, or says what is no price; the text names it."""


def read(path: str) -> Prices:
    """The prices of the file; the defaults where `path` is empty.  Raises BadPrices."""
    if not path:
        return Prices()
    try:
        with Path(path).open("rb") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise BadPrices(f"{path}: larger than {LONGEST:,} bytes: no price file")
        return msgspec.convert(tomllib.loads(text.decode(), parse_float=Decimal), Prices)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadPrices(f"{path}: {error}"[:300]) from error
