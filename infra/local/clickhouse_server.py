"""The process that is our ClickHouse: runs the server of the chdb-core wheel until SIGTERM.

The wheel's extension module holds clickhouse-local, which opens the genuine HTTP listener with SYSTEM START LISTEN and
reads its configuration from clickhouse-local.xml of the working folder.  One statement that never ends keeps it alive;
killing that query is the orderly way out.  `_chdb.query` is a private entry: the wheel's version is pinned, and
tests/integration/test_stack.py tries it.
"""

from __future__ import annotations

import http.client
import importlib.machinery
import importlib.util
import os
import signal
import sys
import sysconfig
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local.home import HOST

_LISTEN_EVERY_S = 0.1  # for signals, which Python hears between two waits
_STATEMENT = (
    "SYSTEM START LISTEN HTTP;"
    " INSERT INTO FUNCTION null('x UInt8') SELECT sleepEachRow(1) FROM system.numbers"
    " SETTINGS max_block_size=1, max_threads=1, function_sleep_max_microseconds_per_block=0,"
    " max_execution_time=0, log_comment='juliu-keep-alive'"
)
_KILL = "KILL QUERY WHERE Settings['log_comment'] = 'juliu-keep-alive' ASYNC"


def _engine() -> Any:
    """The wheel's extension module, without the package around it, which would start a second engine here."""
    folder = Path(sysconfig.get_paths()["platlib"]) / "chdb"
    path = str(folder / "_chdb.abi3.so")
    loader = importlib.machinery.ExtensionFileLoader("_chdb", path)
    spec = importlib.util.spec_from_file_location("_chdb", path, loader=loader)
    assert spec is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    os.chdir(folder)  # it looks for its stub beside itself
    try:
        loader.exec_module(module)
    finally:
        os.chdir(before)
    return module


def _stop(port: int) -> None:
    """End the statement that keeps the server alive; where it does not answer, end the process: data survives it."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("POST", "/", _KILL)
        if connection.getresponse().status != http.client.OK:
            os._exit(1)
    except (OSError, http.client.HTTPException):
        os._exit(1)


def main() -> int:
    """RUN_FOLDER DATA_FOLDER HTTP_PORT"""
    run, data, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    engine = _engine()
    os.chdir(run)
    asked, ended, errors, told = threading.Event(), threading.Event(), [""], False

    def serve() -> None:
        try:
            result = engine.query(_STATEMENT, "TSV", path=data)
            errors[0] = str(result.error_message() or "") if result.has_error() else ""
        except RuntimeError as error:
            errors[0] = str(error)
        finally:
            ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    thread = threading.Thread(target=serve, name="clickhouse")
    thread.start()
    while not ended.wait(_LISTEN_EVERY_S):
        if asked.is_set() and not told:
            told = True
            _stop(port)
    thread.join()
    if told:
        return 0
    print(errors[0] or "the keep-alive statement ended by itself", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
