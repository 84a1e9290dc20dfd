"""Why an event is rejected.  The same event gets the same answer again; the rest of its batch is not touched."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A code that stays, and a sentence for the person who reads it."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Reason:
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.sentence = sentence
        return reason

    MALFORMED = "malformed", "A field is missing or of the wrong kind; `detail` says which."
    UNKNOWN_TYPE = "unknown_type", "There is no event of this type."
    NOT_PUBLIC = "not_public", "Events of this type come from the server alone."
    BAD_SEQ = "bad_seq", "`seq` is an integer from 1 to 2**53 - 1."
    SEQ_ORDER = "seq_order", "`seq` must be above that of the accepted event before it in the batch."
    BAD_INTERVAL = "bad_interval", "The interval runs backwards, or more than 2 s past the end of the episode."
    UNKNOWN_DRAMA = "unknown_drama", "The catalogue has no such drama."
    UNKNOWN_EPISODE = "unknown_episode", "The drama has no such episode."
