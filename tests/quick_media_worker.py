"""A media worker for whom waiting is short; nothing else is other than `juliu media worker`."""

from __future__ import annotations

from domain.media import trouble
from infra.settings import load
from media_jobs.main import run_worker
from media_jobs.steps import media_id, pull

QUICK_S = 0.2


def main() -> None:
    """As `juliu media worker`; an hour in which a lost pull may still bring its media is a dozen."""
    trouble.FIRST_S, trouble.CAP_S = QUICK_S, 1.0
    media_id.ASK_S = QUICK_S
    pull.SURE_S = pull.REST_S = pull.LONGEST_REST_S = QUICK_S
    run_worker(load())


if __name__ == "__main__":
    main()
