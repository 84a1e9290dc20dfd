"""Why a training, or a refresh between trainings, published nothing.  Whatever it was, readers have what they had."""

DONE, REFUSED, TROUBLE, BUSY = 0, 3, 4, 5  # exit codes of the commands: schedules and CronJobs know these


NO_CATALOGUE = "no catalogue is published, or it is empty: juliu catalogue import"


class NotPublished(Exception):
    """Nothing was published; the class says what to do, the text says why."""


class Refused(NotPublished):
    """There is nothing to learn from, or what was learnt must not be served: look at the data."""


class Trouble(NotPublished):
    """A server does not answer, or something came in between: do it again."""


class NotWhole(Trouble):
    """What was read back is not what was written."""


class Raced(Trouble):
    """Somebody else has published, or the lock ran out."""


class Busy(NotPublished):
    """Somebody else is at it: wait for them."""
