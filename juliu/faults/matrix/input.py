"""Faults of the family `input`: clients that are broken, hostile, or all back at once."""

from __future__ import annotations

import asyncio
import random
import time

import msgspec
import psutil

from ingest_api.auth import Scope, issue
from juliu.faults import hostile
from juliu.faults.fault import Fault, Scene, World
from juliu.faults.hostile import Hostile, ask
from juliu.faults.prompt import typed
from juliu.faults.traffic import Parcel, Poison
from juliu.faults.traffic_session import DAY_MS, Sent

ROUNDS = 5
GROWS_BYTES = 60 << 20  # of the API while it is fed garbage
LOG_BYTES = 300_000  # of lines about a thousand forged requests
CUT_WITHIN_S = 20.0
SLOW, GOOD_P99_MS = 300, 1_500.0


async def storm_of_retries(scene: Scene) -> None:
    """The API is down for 8 s; 400 clients come back in step every half second, without jitter.

    What is too much is refused before it is read; the load gets through, and every event counts once.
    """
    await scene.load.reached(scene.rnd.uniform(0.2, 0.4))
    await scene.arena.stop("api")
    await asyncio.sleep(8)
    await scene.arena.start("api")
    scene.healed()


async def only_traffic(scene: Scene) -> None:
    """Nothing but the traffic itself."""
    await scene.load.reached(1.0)
    scene.healed()


async def three_times(scene: Scene) -> None:
    """Every second request is sent three times, at once to two APIs and later; one in ten came a day ago already.

    The first of them in the log counts, the others change nothing.
    """
    await only_traffic(scene)


async def late_and_crossed(scene: Scene) -> None:
    """5 % of the events are more than 7 days late, 20 % of the requests hours late, 20 % cross each other.

    What is in time counts once whatever its order; what is late is kept apart, and counts nowhere.
    """
    await only_traffic(scene)


async def malformed(scene: Scene) -> None:
    """5 % of the events are against the rules, 10 % of the requests are no batch, and bombs come by.

    A bad event costs the others of its batch nothing; every bad body is refused in time, and memory stays flat.
    """
    await _bombard(scene, hostile.malformed(_token(scene)))


async def oversize(scene: Scene) -> None:
    """Bodies, batches and headers beyond every limit, also in chunks and with a false length.

    They are refused before they are in memory; the others do not notice.
    """
    await _bombard(scene, hostile.oversize(_token(scene)))


async def _bombard(scene: Scene, requests: list[Hostile]) -> None:
    """Each of these some times, two at once; every answer must be a good one, and the API must not grow."""
    before = _memory(scene)
    wrong: list[str] = []
    for _ in range(ROUNDS):
        await scene.load.reached(0.02)
        scene.rnd.shuffle(requests)
        for first, second in zip(requests, reversed(requests), strict=True):
            pair = (first, second)
            address = scene.arena.api_urls[0]
            answers = await asyncio.gather(*(ask(address, one.whole) for one in pair))
            wrong += [f"{one.name}: {said}" for one, said in zip(pair, answers, strict=True) if said not in one.good]
    scene.healed()
    grown = _memory(scene) - before
    scene.notes["grown_mb"] = grown >> 20
    assert not wrong, sorted(set(wrong))
    assert grown < GROWS_BYTES, f"the API has grown by {grown >> 20} MB"


def _memory(scene: Scene) -> int:
    return int(psutil.Process(scene.arena.pid("api")).memory_info().rss)


async def flood_of_poison(scene: Scene) -> None:
    """More undecodable records than a few bad ones explain, all in one partition.

    Both workers bury what their budget allows, then end with 73 and come back until a person has looked; nothing is
    skipped.  `juliu dead allow` lets them go on; each record is in juliu.dead once a group, by its offset.
    """
    arena, load, names = scene.arena, scene.load, ("stream-counters", "stream-store")
    await load.reached(scene.rnd.uniform(0.3, 0.5))
    flood = max(1_500, load.events // 25)  # also more than 1 % of all that was read in five minutes
    for n in range(flood):
        load.poison(Poison(0.0, hostile.USER, b"flood %d" % n))
    said = [arena.home.log(name).stat().st_size for name in names]
    lives = [arena.life(name) for name in names]
    for name, life, size in zip(names, lives, said, strict=True):
        await arena.died(name, life + 1)
        with arena.home.log(name).open("rb") as log:
            log.seek(size)
            assert b"too much poison" in log.read(), f"{name} ended, but not for its poison"
    allowed = await typed(arena, "dead", "allow", str(flood + 1_000), "--hours", "1")
    assert allowed.code == 0, allowed.err
    scene.healed()


async def slow_clients(scene: Scene) -> None:
    """300 connections send headers a byte a second, 300 a body a byte a second, under load.

    All are cut off at their deadline; the others' answers stay as fast as they were.
    """
    load, address = scene.load, scene.arena.api_urls[0]
    await load.reached(0.1)
    head = hostile.post(_token(scene), b"", length=100_000)
    seen = len(load.latencies_ms)

    def slow_header(n: int) -> bytes:
        return head[n : n + 1]

    def slow_body(n: int) -> bytes:
        return head if n == 0 else b" "

    async with (
        hostile.dawdlers(address, SLOW, slow_header) as headers,
        hostile.dawdlers(address, SLOW, slow_body) as bodies,
    ):
        await asyncio.sleep(1)
    scene.healed()
    took = sorted(load.latencies_ms[seen:])
    scene.notes["slow_cut_s"] = [round(max(headers), 1), round(max(bodies), 1)]
    scene.notes["good_p99_ms"] = p99 = round(took[int(len(took) * 0.99)], 1) if took else 0.0
    assert max(*headers, *bodies) < CUT_WITHIN_S, scene.notes["slow_cut_s"]
    assert p99 < GOOD_P99_MS, f"others waited for {p99} ms"


async def forged_tokens(scene: Scene) -> None:
    """A thousand requests with tokens of every forged kind.

    Each is answered 401 or 403, none reaches the log, and the API does not fill its own log with them.
    """
    await scene.load.reached(0.1)
    settings, address = scene.arena.settings, scene.arena.api_urls[0]
    tokens = hostile.forged(settings.jwt_secret.get_secret_value(), int(time.time()))
    log = scene.arena.home.log("api")
    before, wrong = log.stat().st_size, set[str]()
    for _ in range(1_000 // len(tokens)):
        for name, token in tokens:
            said = await ask(address, hostile.post(token, hostile.batch()))
            if said not in (401, 403):
                wrong.add(f"{name}: {said}")
    scene.healed()
    scene.notes["log_bytes"] = grown = log.stat().st_size - before
    assert not wrong, wrong
    assert grown < LOG_BYTES, f"{grown} bytes were logged"


async def stolen_requests(scene: Scene) -> None:
    """Captured requests are sent again, by their viewer's token and by a thief's; a thief says to be somebody else.

    Who somebody is says the token alone: a copy changes nothing, a thief only adds to their own account, and nobody
    can take another's event from the count.
    """
    load, rnd = scene.load, scene.rnd
    for n in range(60):
        await load.reached(0.1 + 0.01 * n)
        if not load.recent:
            continue
        stolen = rnd.choice(load.recent)
        await load.post(stolen._replace(n=_number(3 * n), events=(), copy_of=stolen.n, backfill=False))
        if parcel := _as_thief(stolen, _number(3 * n + 1), rnd):
            load.ledger.shared_labels += parcel.reasons.count("")
            await load.post(parcel)
    scene.healed()


def _number(n: int) -> int:
    """Of a request that the traffic did not make."""
    return 1_000_000_000 + n


def _as_thief(stolen: Parcel, n: int, rnd: random.Random) -> Parcel | None:
    """The same body under another viewer's token, saying that it is the victim's and what the server should stamp.

    None where some of it would be late: that is kept elsewhere.
    """
    if not stolen.events or any(
        _at_ms(event) < stolen.sent_at_ms - 2 * DAY_MS for event in stolen.events if not event.reason
    ):
        return None
    claims = b'"user_id":%d,"late":false,"qualified":true,"duration_ms":7,"event_id":' % stolen.user_id
    return stolen._replace(
        n=n,
        user_id=stolen.user_id + rnd.randrange(1_000_000, 9_000_000),
        body=stolen.body.replace(b'"event_id":', claims),
        events=tuple(event._replace(qualifies=None) for event in stolen.events),
        backfill=False,
    )


def _at_ms(event: Sent) -> int:
    return int(msgspec.json.decode(bytes(event.wire))["at_ms"])


def _token(scene: Scene) -> str:
    """Of a viewer of whom nothing else comes."""
    secret = scene.arena.settings.jwt_secret.get_secret_value()
    return issue(secret, hostile.USER, Scope.VIEWER, int(time.time()) - 60, 1)


FAULTS: tuple[Fault, ...] = (
    Fault("F27", "All clients come back at once", storm_of_retries, traffic={"jitter": 0, "lanes": 400}),
    Fault("F29", "Everything is sent three times", three_times, World(apis=2),
          traffic={"thrice": 0.5, "duplicates": 0.1, "yesterday": 0.1}),
    Fault("F30", "Late, and in the wrong order", late_and_crossed,
          traffic={"late": 0.05, "older": 0.2, "out_of_order": 0.2}),
    Fault("F31", "Malformed events and bodies", malformed, traffic={"malformed": 0.05, "garbage": 0.1}),
    Fault("F32", "More poison than the budget allows", flood_of_poison),
    Fault("F33", "More than anybody may send", oversize),
    Fault("F34", "Clients that dawdle", slow_clients),
    Fault("F35", "Forged tokens", forged_tokens),
    Fault("F36", "Stolen and forged requests", stolen_requests),
)  # fmt: skip
