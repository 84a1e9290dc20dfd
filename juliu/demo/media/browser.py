"""A headless Chromium that plays our encrypted renditions with hls.js, and tells what came onto the screen."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.local import hls_player

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response, Route

PAGE = Path(__file__).with_name("player.html")
_AT = "/demo-player/"  # below the API's own address, answered by us: so page and video are of one origin
_ARGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
_WITHIN_S = 60.0  # for one rendition of a few seconds, on a machine that has other things to do
_POLL_MS = 50


class CannotPlay(RuntimeError):
    """The browser or its driver is not there, or nothing came onto the screen; the message says what."""


@dataclass(frozen=True)
class Shown:
    """What was seen of one rendition.

    `colour` is the mean (RGB) of the strip at the picture's bottom, `keys` and `segments` how many were fetched with
    200, `decrypted` how many segments the player opened with a key.
    """

    rung: str
    width: int
    height: int
    frames: int
    dropped: int
    position_s: float
    keys: int
    segments: int
    decrypted: int
    colour: tuple[int, int, int]


class Browser:
    """One page.  `origin` is the API's address, such as http://127.0.0.1:8080; nothing else can be reached."""

    def __init__(self, page: Page, origin: str) -> None:
        self._page = page
        self._origin = origin
        self._fetched: Counter[tuple[str, int]] = Counter()
        page.route("**/*", self._answer)
        page.on("response", self._note)
        page.goto(f"{origin}{_AT}")

    def rungs(self, address: str) -> list[str]:
        """Names of all renditions below this master playlist, least first.  Raises CannotPlay."""
        self._begin(address, "", "")
        return list(self._until("told.rungs.length > 0")["rungs"])

    def play(self, address: str, rung: str, title: str, until_s: float) -> Shown:
        """Play one rendition from its beginning until it has come so far, and pause.  Raises CannotPlay."""
        self._begin(address, rung, title)
        self._until(f"video.currentTime >= {until_s} || video.ended")
        self._page.evaluate("video.pause()")
        colour = self._page.evaluate("strip()")
        return self._shown(self._state(), (colour[0], colour[1], colour[2]))

    def refused(self, address: str, rung: str) -> str:
        """What the player says where it may not play: "keyLoadError 403".  Raises CannotPlay where it does play."""
        self._begin(address, rung, "")
        try:
            self._until("video.currentTime > 0")
        except CannotPlay as error:
            return str(error)
        raise CannotPlay(f"it plays: {self._state()}")

    def screenshot(self, to: Path) -> None:
        """What is on the screen, as PNG."""
        self._page.screenshot(path=to)

    def _begin(self, address: str, rung: str, title: str) -> None:
        self._fetched.clear()
        self._page.evaluate("([address, rung, title]) => begin(address, rung, title)", [address, rung, title])

    def _until(self, condition: str) -> dict[str, Any]:
        """The page's state once this is so.  Raises CannotPlay at the player's fatal error, or at the deadline."""
        until = time.monotonic() + _WITHIN_S
        while True:
            reached, state = self._page.evaluate(condition), self._state()
            if state["fatal"]:
                raise CannotPlay(state["fatal"])
            if reached:
                return state
            if time.monotonic() > until:
                raise CannotPlay(f"nothing came onto the screen within {_WITHIN_S:.0f} s: {state}")
            self._page.wait_for_timeout(_POLL_MS)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._page.evaluate("state()")
        return state

    def _shown(self, state: dict[str, Any], colour: tuple[int, int, int]) -> Shown:
        return Shown(
            rung=state["rung"], width=state["width"], height=state["height"], frames=state["frames"],
            dropped=state["dropped"], position_s=state["position_s"], decrypted=state["decrypted"], colour=colour,
            keys=self._fetched["key", 200], segments=self._fetched["ts", 200],
        )  # fmt: skip

    def _note(self, response: Response) -> None:
        name = urlsplit(response.url).path.rpartition("/")[2]
        self._fetched[name.rpartition(".")[2], response.status] += 1

    def _answer(self, route: Route) -> None:
        address = route.request.url
        if address == f"{self._origin}{_AT}":
            route.fulfill(body=PAGE.read_text(encoding="utf-8"), content_type="text/html; charset=utf-8")
        elif address == f"{self._origin}{_AT}hls.js":
            route.fulfill(body=hls_player.script(), content_type="text/javascript; charset=utf-8")
        elif address.startswith(f"{self._origin}/"):
            route.continue_()
        else:
            route.abort()


def require() -> str:
    """The path of Chromium, where everything that playing needs is there.  Raises CannotPlay, StackError."""
    if find_spec("playwright") is None:
        raise CannotPlay("playwright is not installed: `make setup` (requirements/dev.txt)")
    hls_player.script()
    program = shutil.which("chromium")
    if program is None:
        raise CannotPlay("Chromium is not installed: as root `apt-get install chromium`")
    return program


@contextmanager
def browser(origin: str) -> Iterator[Browser]:
    """A fresh Chromium with one page.  Raises CannotPlay where something is missing, StackError without a player."""
    program = require()
    from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415  no product runs on it

    root = os.geteuid() == 0  # Chromium's sandbox refuses root
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=program, chromium_sandbox=not root, args=[*_ARGS])
            try:
                yield Browser(chromium.new_page(viewport={"width": 390, "height": 780}), origin)
            finally:
                chromium.close()
    except Error as error:
        raise CannotPlay(f"Chromium: {error}") from error
