"""Configuration files made from the templates in infra/local/etc."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from string import Template

from infra.local.errors import StackError
from infra.local.files import write_whole
from infra.local.home import ETC, HOST


def fill(template: str, target: Path, *, mode: int = 0o644, **values: object) -> Path:
    """Write `template` with its ${names} filled in to `target`, a list as its items with commas; returns `target`.

    Raises StackError for a path that a configuration file cannot hold, KeyError when a name has no value.
    """
    items = {name: [str(item) for item in _listed(value)] for name, value in values.items()}
    for text in chain.from_iterable(items.values()):
        if any(character in text for character in "\n\"'<>&#,") or text != text.strip():
            raise StackError(
                f"the path {text!r} has characters that servers' configuration cannot hold; set JULIU_HOME to another"
            )
    texts = {name: ",".join(some) for name, some in items.items()}
    write_whole(target, Template((ETC / template).read_text(encoding="utf-8")).substitute(texts, host=HOST), mode=mode)
    return target


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple)) else (value,)
