"""Accepting a batch: read it, check it, stamp it, put it into the log, and only then say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from domain.catalogue import Catalogue
from domain.topics import partition_of
from infra.metrics import EVENTS_ACCEPTED, EVENTS_REJECTED, PLAYS_STARTED
from ingest_api.auth import Scope, Viewer
from ingest_api.errors import ApiError, BadSentAt, CatalogueUnavailable
from ingest_api.events.contract import Answer, Batch, LooseBatch, Rejected
from ingest_api.events.decode import Read, read
from ingest_api.events.judge import Brought, Judged, judge
from ingest_api.events.log import Log
from ingest_api.events.reasons import Reason
from ingest_api.events.samples import Samples
from ingest_api.events.stamps import MAX_AHEAD_MS, Receipt

STALE_S = 10.0  # a catalogue older than this may miss a drama that another process already shows


class CatalogueSource(Protocol):
    """The catalogue as this process follows it."""

    @property
    def current(self) -> Catalogue:
        """The latest that is known; never waits."""

    @property
    def age_s(self) -> float:
        """Seconds since it was last known to be the latest."""


class Ingest:
    """Takes batches of events.  One a process."""

    def __init__(
        self,
        log: Log,
        catalogue: CatalogueSource,
        partitions: int,
        now_s: Callable[[], float],
        samples: Samples,
        *,
        ticket_secrets: Sequence[bytes],
    ) -> None:
        self._log = log
        self._catalogue = catalogue
        self._partitions = partitions
        self._now_s = now_s
        self._samples = samples
        self._ticket_secrets = ticket_secrets
        self._starts = {brought: PLAYS_STARTED.labels(brought.value) for brought in Brought}

    async def accept(self, viewer: Viewer, body: bytes) -> Answer:
        """The answer for `body`, once every accepted event of it is in the log for good.

        Raises an ApiError for the whole request: 4xx to be mended, 503 to be sent again; then nothing may be assumed
        about what is in the log.
        """
        try:
            batch = read(body)
        except ApiError as error:
            self._samples.take(viewer.user_id, body, error.code)
            raise
        receipt = self._receipt(viewer, batch.envelope)
        judged = judge(batch.events, receipt, self._catalogue.current, self._ticket_secrets)
        self._need_fresh_catalogue(judged)
        if judged.values:
            partition = partition_of(viewer.user_id, self._partitions)
            await self._log.append(partition, b"%d" % viewer.user_id, judged.values)
        self._note(viewer, batch, judged)
        accepted = len(judged.values)
        return Answer(accepted, len(judged.results) - accepted, judged.results, int(self._now_s() * 1000))

    def _receipt(self, viewer: Viewer, envelope: Batch | LooseBatch) -> Receipt:
        now_ms = int(self._now_s() * 1000)
        backfill = viewer.scope is Scope.BACKFILL
        if backfill:
            if not 0 < envelope.sent_at_ms <= now_ms + MAX_AHEAD_MS:
                raise BadSentAt
            now_ms = envelope.sent_at_ms
        session_id, offset_ms, sent_at_ms = str(envelope.session_id), envelope.clock_offset_ms, envelope.sent_at_ms
        canary = viewer.scope is Scope.CANARY
        return Receipt(viewer.user_id, session_id, now_ms, offset_ms, envelope.client, sent_at_ms, backfill, canary)

    def _need_fresh_catalogue(self, judged: Judged) -> None:
        """What an old catalogue does not know may exist: it is asked for again, not thrown away."""
        if len(judged.values) == len(judged.results) or self._catalogue.age_s <= STALE_S:
            return
        unknown = (Reason.UNKNOWN_DRAMA, Reason.UNKNOWN_EPISODE)
        if any(type(result) is Rejected and result.reason in unknown for result in judged.results):
            raise CatalogueUnavailable

    def _note(self, viewer: Viewer, batch: Read, judged: Judged) -> None:
        for kind, count in judged.types.items():
            EVENTS_ACCEPTED.labels(kind).inc(count)
        for brought in judged.starts:
            self._starts[brought].inc()
        if len(judged.values) == len(judged.results):
            return
        for place, result in enumerate(judged.results):
            if type(result) is Rejected:
                EVENTS_REJECTED.labels(result.reason.value).inc()
                self._samples.take(viewer.user_id, batch.original(place), result.reason)
