"""Why a training published nothing.  Whatever it was, the version before is served on."""


class NotPublished(Exception):
    """Nothing was published; the class says what to do, the text says why."""


class Refused(NotPublished):
    """There is nothing to learn from, or what was learnt must not be served: look at the data."""


class Trouble(NotPublished):
    """A server does not answer, or something came in between: train again."""


class NotWhole(Trouble):
    """What was read back is not what was written."""


class Raced(Trouble):
    """Somebody else has published, or the lock ran out."""


class Busy(NotPublished):
    """Somebody else is training: wait for them."""
