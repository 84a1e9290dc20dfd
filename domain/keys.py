"""Every Redis key: type, life, writer.  Nobody else spells a name.

`p` is a partition, `ns` its namespace number (a rebuild writes a new namespace and then moves the pointer).  The keys
of a partition share its hash tag, so one script may touch them together, also in Redis Cluster.  EXPIRE never decides
anything: SESSION_LIFE_S is longer than lateness plus the log's retention, and what is older cannot be read any more.
"""

from __future__ import annotations

import enum
import re

from domain.topics import EVENTS

LATENESS_S = 7 * 86_400  # an event received later than this after it happened is `late`: kept, not counted
SESSION_LIFE_S = LATENESS_S + EVENTS.retention_ms // 1000 + 86_400
USER_LIFE_S = 400 * 86_400
SERVED_LIFE_S = 3 * 86_400
PAGE_LIFE_S = 30 * 60
UNLOCKED_LIFE_S = 30 * 86_400
UNLOCKED_KEPT = 10
REC_LIFE_S = 7 * 86_400  # a dead job degrades the feed instead of being served for ever
COOLING_LIFE_S = 14 * 86_400
RECENT_KEPT = 200  # dramas in a viewer's history

PARTITIONS = "cluster:partitions"  # STRING: P, written once by `juliu migrate`; no process starts with another


# -- fences and namespaces: made by `juliu migrate`, moved by apply.lua ------------------------------------------------


def namespace(p: int) -> str:
    """STRING: the number of the namespace in use.  Lives for ever."""
    return f"ns:{{{p}}}"


def fence(group: str, ns: int, p: int) -> str:
    """STRING: the last offset whose effects are in the store, or `broken <offset>`.  Lives for ever."""
    return f"fence:{group}:{ns}:{{{p}}}"


REBUILD_LOCK = "rebuild:lock"  # STRING: who is rebuilding.  Lives 30 s after that one was last seen at work.


def rebuilding(p: int) -> str:
    """STRING: the number of the namespace that `juliu rebuild redis` is writing; gone once it is in use."""
    return f"rebuild:{{{p}}}"


BLOCK_FORMAT = "format"  # field of block_format: a hash, so that it is read with the fence as of one moment


def block_format(ns: int, p: int) -> str:
    """HASH format -> `<cutter version>,<limit>`: how the store's open block is cut.  Written by streams.store with the
    fence.
    """
    return f"block_format:{ns}:{{{p}}}"


# -- state of the fold: written by the counters and store groups through apply.lua -------------------------------------


def session(group: str, ns: int, p: int, user_id: int, session_id: str) -> str:
    """HASH w -> duplicate window, p<play_id> -> playback.  Lives SESSION_LIFE_S after the hour of its last event."""
    return f"s:{group}:{ns}:{{{p}}}:{user_id}:{session_id}"


def user(ns: int, p: int, user_id: int) -> str:
    """HASH g<drama> -> progress register, v<drama> -> valid half hours, r<kind><target> -> reaction register.

    Lives USER_LIFE_S after the viewer's last progress.  Written by streams.counters.
    """
    return f"u:{ns}:{{{p}}}:{user_id}"


def seen(ns: int, p: int, user_id: int) -> str:
    """STRING, a bitmap by dense drama index: this viewer had a valid play of it.

    Lives USER_LIFE_S.  Written by streams.counters.
    """
    return f"seen:{ns}:{{{p}}}:{user_id}"


def recent(ns: int, p: int, user_id: int) -> str:
    """ZSET drama -> ts_ms of its latest start, end or valid play; at most RECENT_KEPT.

    Lives USER_LIFE_S.  Written by streams.counters.
    """
    return f"recent:{ns}:{{{p}}}:{user_id}"


def counters_part(ns: int, p: int) -> str:
    """HASH <drama>:<counter> -> integer; a drama's number is the sum over partitions.

    Lives for ever.  Written by streams.counters.
    """
    return f"c:{ns}:{{{p}}}"


def heat_part(decay: str, ns: int, p: int, epoch: int) -> str:
    """ZSET drama -> sum of forward-decay weights (domain.hotness) in that epoch.  Written by streams.counters."""
    return f"heat:{decay}:{ns}:{{{p}}}:{epoch}"


def dirty(ns: int, p: int) -> str:
    """ZSET drama -> the last offset that changed one of its numbers; the merge task follows it.

    Lives for ever.  Written by streams.counters.
    """
    return f"dirty:{ns}:{{{p}}}"


def poison_budget(group: str, version: str, minute: int) -> str:
    """HASH poison, records -> integer, of one minute.  Lives 10 minutes.  Written by streams."""
    return f"poison:{group}:{version}:{minute}"


_IN_NAMESPACE = re.compile(
    r"(?:fence:\w+|block_format|s:\w+|u|seen|recent|c|heat:\w+|dirty):(?P<ns>\d+):\{(?P<p>\d+)\}(?:$|:)"
)


class Family(enum.StrEnum):
    """What the keys of a namespace begin with, by the function that makes them."""

    FENCE, BLOCK_FORMAT, SESSION, USER, SEEN = "fence", "block_format", "s", "u", "seen"
    RECENT, COUNTERS_PART, HEAT_PART, DIRTY = "recent", "c", "heat", "dirty"


def family_of(key: str) -> Family:
    """The family of a key that belongs to a namespace.  Raises ValueError for any other."""
    return Family(key.split(":", 1)[0])


def decay_and_epoch_of(heat_part_key: str) -> tuple[str, int]:
    """What heat_part was asked for."""
    _, decay, *_, epoch = heat_part_key.split(":")
    return decay, int(epoch)


def namespace_of(key: str) -> tuple[int, int] | None:
    """(partition, namespace) of a key that belongs to one; None for any other."""
    found = _IN_NAMESPACE.match(key)
    return (int(found["p"]), int(found["ns"])) if found else None


def poison_allowed(group: str) -> str:
    """STRING: dead letters that a person allows above the budget.

    Lives as long as that person said.  Written by `juliu dead allow`.
    """
    return f"poison_allowed:{group}"


# -- merged for readers: written by the merge task every second --------------------------------------------------------

COUNTERS = "counters"  # HASH drama -> numbers, comma separated, in the order of domain.counters.COUNTERS
HOT = "hot:current"  # ZSET drama -> heat, the hottest HOT_KEPT
TREND = "trend:current"  # ZSET drama -> ratio of fast to slow heat, the highest HOT_KEPT
MERGED = "merge:cursors"  # HASH p -> `<namespace>,<offset>` that was merged, stamp -> by whom; moves with what it tells
HOT_KEPT = 1_000


# -- catalogue: published from MySQL by infra.catalogue; one hash tag, so that a script may touch them together --------

CATALOGUE_VERSION = "{catalogue}:version"  # STRING `<base>:<deltas>:<revision>`: what followers compare; lives for ever
TAKEDOWNS = "{catalogue}:takedowns"  # SET of drama ids that must not be shown; works without a new base; lives for ever


def catalogue_base(base: int, chunk: int) -> str:
    """STRING: one chunk (msgpack, compressed) of the whole catalogue as of `base`.  The last two bases are kept."""
    return f"{{catalogue}}:base:{base}:{chunk}"


def catalogue_meta(base: int) -> str:
    """STRING, JSON: revision, number of dramas, sha256 of each chunk of `base`.  Kept as long as its base."""
    return f"{{catalogue}}:meta:{base}"


def catalogue_deltas(base: int) -> str:
    """LIST of deltas (msgpack, compressed) since `base`, in order; a new base begins before it passes 200."""
    return f"{{catalogue}}:deltas:{base}"


# -- feed --------------------------------------------------------------------------------------------------------------


def served(p: int, user_id: int) -> str:
    """STRING, a bitmap by dense drama index: shown to this viewer.  Lives SERVED_LIFE_S.  Written by the feed."""
    return f"served:{{{p}}}:{user_id}"


def page(p: int, user_id: int) -> str:
    """HASH now, before -> the last two pages that this viewer was served: one that is asked for again is the same;
    round -> how many rounds of serving have begun.

    Lives PAGE_LIFE_S.  Written by the feed (infra/lua/serve.lua).
    """
    return f"page:{{{p}}}:{user_id}"


def unlocked(p: int, user_id: int) -> str:
    """ZSET drama -> ts_ms of its latest unlock, at most UNLOCKED_KEPT: a hint for the next page, MySQL alone decides.

    Lives UNLOCKED_LIFE_S.  Written by the API when coins were spent.
    """
    return f"unlocked:{{{p}}}:{user_id}"


# -- recommendations: written by recommender, a version at a time; pointers share a hash tag, one script moves them ----

REC_CURRENT = "{rec}:current"  # STRING: the version that is served (domain.recommendations.Version).  Lives for ever.
REC_PREVIOUS = "{rec}:previous"  # STRING: the version before it, kept for a roll-back.  Lives for ever.
REC_UNREAD = "{rec}:unread"  # STRING: a version that nobody reads, being written or replaced; the next run clears it up
REC_FENCE = "{rec}:fence"  # STRING: how often a lock was taken; each holder has its number.  Lives for ever.
REC_FOLDED = "{rec}:folded"  # STRING `<version> <as_of_ms>`: who was active before is folded in.  Lives REC_LIFE_S.
REC_COLD = "{rec}:cold"  # STRING: share and orders of new dramas (domain.cold).  Lives domain.cold.LIFE_S.


def rec_lock(task: str) -> str:
    """STRING `<number> <who>`: who does it.  Lives a minute, renewed while it is done."""
    return f"{{rec}}:lock:{task}"


def rec_users(version: str, block: int) -> str:
    """STRING: sorted user ids, then their lists of u16 dense drama indexes (domain.recommendations).

    Lives REC_LIFE_S.
    """
    return f"rec:{version}:u:{block}"


def rec_items(version: str) -> str:
    """HASH dense drama index -> packed u16 indexes, "people also watched".  Lives REC_LIFE_S.

    Made anew hourly, as a whole.  It and the meta share the hash tag of the pointers: one script checks these and
    replaces both.
    """
    return f"{{rec}}:{version}:i"


def rec_items_new(version: str) -> str:
    """HASH: the next rec_items of the version, being written.  Lives an hour, then somebody died."""
    return f"{{rec}}:{version}:i:new"


def rec_meta(version: str) -> str:
    """STRING, JSON: data window, counts, blocks, parameters, metrics.  Lives REC_LIFE_S."""
    return f"{{rec}}:{version}:meta"


def rec_model(version: str, chunk: int) -> str:
    """STRING: a piece, of at most 1 MB, of what viewers are folded in with (recommender.learning.folding).

    Lives REC_LIFE_S.
    """
    return f"rec:{version}:f:{chunk}"


def cooling(p: int, user_id: int) -> str:
    """STRING: packed u16 indexes of dramas that the viewer left at once twice, and is not shown for a while.

    Lives COOLING_LIFE_S.  Written by recommender.
    """
    return f"cooling:{{{p}}}:{user_id}"


# -- WeChat's media: written by media_jobs, links are read by the API --------------------------------------------------

WECHAT_WANTED = "wechat:wanted"  # ZSET `<drama>:<episode>` -> when a play link was last asked for, ms.  By the API.
WECHAT_UPKEEP = "wechat:upkeep"  # STRING: which worker looks after links and traffic.  Lives WECHAT_UPKEEP_LIFE_S.
WECHAT_TRAFFIC = "wechat:traffic"  # STRING: when traffic was last asked for, ms.  Lives an hour.
WECHAT_UPKEEP_LIFE_S = 30
WECHAT_WANTED_KEPT = 20_000


def wechat_link(drama_id: int, episode_no: int) -> str:
    """STRING, JSON: a play link (infra.media.wechat_links.Link).  Lives 100 minutes; the link some 20 longer."""
    return f"wechat:link:{drama_id}:{episode_no}"


def wechat_token(appid: str) -> str:
    """STRING: the access token.  Lives 2 minutes less than the token."""
    return f"wechat:token:{appid}"


def wechat_token_lock(appid: str) -> str:
    """STRING: who fetches the token.  Lives 15 s."""
    return f"wechat:token_lock:{appid}"


def wechat_calls(appid: str, call: str, window: int) -> str:
    """STRING: how many calls were made in that window (a minute, a day).  Lives two of them."""
    return f"wechat:calls:{appid}:{call}:{window}"
