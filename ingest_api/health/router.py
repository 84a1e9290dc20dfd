"""GET /livez, /readyz and /metrics, for whoever runs the process; not for viewers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from infra.metrics import exposition
from ingest_api.auth import came_through_a_proxy
from ingest_api.errors import NotFound
from ingest_api.health.readiness import OK, Readiness

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, bool]:
    """The process answers.  If it does not, start it again."""
    return {"alive": True}


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` says why."}})
async def readyz(request: Request, response: Response) -> dict[str, bool | dict[str, str]]:
    """Kafka, Redis and the catalogue are there.  If they are not, send requests elsewhere; the process mends itself."""
    readiness: Readiness = request.app.state.readiness
    checks = await readiness.report()
    ready = all(answer == OK for answer in checks.values())
    response.status_code = 200 if ready else 503
    return {"ready": ready, "checks": checks}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics, to those who ask without a proxy between."""
    if came_through_a_proxy(dict(request.headers.raw)):
        raise NotFound
    body, media_type = exposition()
    return Response(body, headers={"content-type": media_type})
