"""What WeChat's answers mean for a step: who has to act, and what they should do.

Codes: wx/server/API/minidrama (each page's list), general codes of the platform, staff answers in its community.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

from domain.media.trouble import Failure, Later, StepFailed

T = TypeVar("T")
TOKEN_CODES = frozenset((40001, 40014, 42001))  # the token is wrong or over: fetch another, ask again
UNCLEAR_CODES = frozenset((-1, 10093011))  # "system error", "operation failed": it may have been done for all we know
NOT_FOUND = 10093030
NOT_THAT = 10093014  # a parameter: of a replacement, that this one has passed no audit
# About all that we ask, not about the one thing that is asked: the secret, the app's rights, the traffic package.
OF_THE_ACCOUNT = frozenset((40013, 40125, 40164, 41002, 48001, 50002, 10090016, 10090038))


class Unclear(Exception):
    """No answer, or none that tells: it may have been done.  Look it up before it is sent again."""


class NotSent(Exception):
    """It never reached WeChat: nothing was done."""


class Refused(Exception):
    """WeChat said no: nothing was done."""

    def __init__(self, call: str, code: int, message: str) -> None:
        super().__init__(f"{call}: {code} {message[:200]}")
        self.call, self.code, self.message = call, code, message[:200]


class TooFast(Exception):
    """Our own limit: ask again after `after_s`."""

    def __init__(self, call: str, after_s: float) -> None:
        super().__init__(f"{call}: enough for now")
        self.call, self.after_s = call, after_s


def known(ask: Callable[[], T]) -> T | None:
    """What it answers; None where WeChat does not know (any more) what is asked about."""
    try:
        return ask()
    except Refused as error:
        if error.code != NOT_FOUND:
            raise
        return None


class Advice(NamedTuple):
    """Who acts, and how; `after_s` of `later` and `again`."""

    who: Literal["mend", "again", "later", "give_up"]
    reason: str
    text: str
    after_s: float = 0.0


_OURS = "Our request has the wrong form (a mistake of juliu): report it with this code."
_REFRESHED = "WeChat refuses a token that is new: does somebody else refresh it?"
_FIELD = "WeChat refuses a field: compare what was handed in with its message."
_ADVICE = {
    -2: Advice("later", "wechat_initialising", "WeChat sets the account up after its first use: some minutes.", 60),
    -1: Advice("again", "wechat_system_error", "WeChat has a trouble of its own; it is tried again.", 30),
    40001: Advice("again", "wechat_token", _REFRESHED, 30),
    40013: Advice("mend", "wechat_app", "JULIU_WECHAT_APPID is not an app of WeChat's."),
    40125: Advice("mend", "wechat_secret", "JULIU_WECHAT_SECRET is wrong or was reset: set the new one."),
    40164: Advice("mend", "wechat_ip", "This server's address is not on the app's IP list (开发设置): add it."),
    40014: Advice("again", "wechat_token", _REFRESHED, 30),
    41002: Advice("mend", "wechat_app", "JULIU_WECHAT_APPID is missing."),
    42001: Advice("again", "wechat_token", _REFRESHED, 30),
    43002: Advice("give_up", "wechat_our_request", _OURS),
    44002: Advice("give_up", "wechat_our_request", _OURS),
    45009: Advice("later", "wechat_quota", "The day's calls are used up (they are counted anew at midnight).", 3_600),
    45011: Advice("later", "wechat_rate", "Too many calls a minute.", 60),
    47001: Advice("give_up", "wechat_our_request", _OURS),
    47003: Advice("mend", "wechat_parameter", _FIELD),
    48001: Advice("mend", "wechat_category", "The app has no right to this: is 文娱-微短剧 among its categories?"),
    50002: Advice("mend", "wechat_blocked", "The account is restricted: look into the app's console."),
    60000: Advice("again", "wechat_pull_failed", "WeChat could not fetch the file: is the storage reachable?", 60),
    70000: Advice("again", "wechat_internal", "WeChat's own upload failed; it is tried again.", 120),
    10090001: Advice("mend", "wechat_video_type", "WeChat does not take this kind of video."),
    10090002: Advice("mend", "wechat_image_type", "WeChat does not take this kind of picture: hand in JPG or PNG."),
    10090003: Advice("mend", "wechat_image_address", "WeChat could not fetch the picture."),
    10090007: Advice("later", "wechat_in_audit", "The drama is being audited: this waits for the result.", 1_800),
    10090016: Advice("mend", "wechat_traffic", "The traffic package is used up: buy one (mp.weixin.qq.com, 微短剧)."),
    10090018: Advice("mend", "wechat_parameter", _FIELD),
    10090019: Advice("give_up", "wechat_our_request", _OURS),
    10090021: Advice("give_up", "wechat_our_request", _OURS),
    10090038: Advice("mend", "wechat_category", "The app has not the category 文娱-微短剧."),
    10090040: Advice("mend", "wechat_taken", "An episode's media belongs to another drama already."),
    10090041: Advice("mend", "wechat_title", "WeChat refuses the drama's name: hand in another title."),
    10090042: Advice("mend", "wechat_name", "WeChat refuses the episode's name: no special characters at its ends."),
    10093011: Advice("again", "wechat_system_error", "WeChat says that it failed; it is tried again.", 30),
    10093014: Advice("mend", "wechat_parameter", _FIELD),
    10093023: Advice("later", "wechat_rate", "Too many calls.", 60),
    10093030: Advice("mend", "wechat_gone", "WeChat does not know it (any more): was it deleted in the console?"),
}
_UNKNOWN = Advice("mend", "wechat_refused", "WeChat refuses it for a reason that juliu does not know; see its message.")
_KINDS = {"mend": Failure.MEND, "again": Failure.AGAIN, "give_up": Failure.GIVE_UP}


def advice(code: int) -> Advice:
    """What a code means; a code that we do not know is for people to look at."""
    return _ADVICE.get(code, _UNKNOWN)


def meant(error: Exception) -> StepFailed | Later:
    """What a step raises for this.  Raises TypeError for what is not an answer of WeChat's."""
    match error:
        case Refused(code=code):
            said = advice(code)
            if said.who == "later":
                return Later(said.after_s)
            return StepFailed(_KINDS[said.who], said.reason, f"{said.text} [{error}]", said.after_s)
        case TooFast(after_s=after_s):
            return Later(after_s)
        case Unclear() | NotSent():
            return StepFailed(Failure.AGAIN, "wechat_away", f"WeChat does not answer; it is tried again. [{error}]", 5)
    raise TypeError(type(error).__name__)


ANSWERS = (Refused, TooFast, Unclear, NotSent)
