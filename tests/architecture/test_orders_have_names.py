"""What people order of the queue of media jobs says who they are: a surface that forgot it would leave no record."""

from __future__ import annotations

import ast

from infra.place import ROOT
from tests.architecture.test_names import code

ORDERS = ("submit", "cancel", "retry")
SURFACES = ("juliu/commands/", "juliu/media/", "ingest_api/", "infra/media/drama_desk.py")


def is_order(node: ast.AST) -> bool:
    """`jobs.cancel`, `self._jobs.cancel`: of a queue, called or handed on."""
    if not isinstance(node, ast.Attribute) or node.attr not in ORDERS:
        return False
    return ast.unparse(node.value).rpartition(".")[2].strip("_") == "jobs"


def unnamed(source: str) -> list[str]:
    """Orders of a module that say nobody's name: `jobs.cancel(7)`, `partial(jobs.cancel, 7)`."""
    found: list[str] = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        handed = call.args[1:] if call.args and is_order(call.args[0]) else None
        given = call.args if is_order(call.func) else handed
        if given is not None and len(given) < 2 and not any(one.arg == "by" for one in call.keywords):
            found.append(ast.unparse(call))
    return found


def test_every_order_of_a_surface_says_whose_it_is():
    places = [path for path in code() if path.startswith(SURFACES)]
    wrong = {path: said for path in places if (said := unnamed((ROOT / path).read_text("utf-8")))}
    assert len(places) > 100
    assert wrong == {}


def test_the_look_sees_what_it_looks_for():
    assert unnamed("jobs.submit(what)\nself._jobs.cancel(7, by)\nrun(partial(self._jobs.retry, 7))") == [
        "jobs.submit(what)",
        "partial(self._jobs.retry, 7)",
    ]
    assert unnamed("partial(jobs.cancel, by=X)\nwatching.cancel()\njobs.submit(what, by)") == []
