"""What whoever runs the service asks: is it alive, is it ready, what does it count."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from api.answers import HealthView, PartView, ProblemView
from api.call import answer
from api.metrics import CONTENT_TYPE, Metrics
from api.operations import Operations, Says
from api.problems import STATUS, Problem, title_of
from api.services import Check, Part

CHECK_TIMEOUT = 2.0
"""Seconds that a part has to say how it is."""

Code = Annotated[str, Path(pattern="^[a-z_]{1,64}$")]

operation = Operations("system")


@operation("GET", "/healthz", Says(answer=HealthView, security="public"))
async def get_health(request: Request) -> Response:
    """Say that the process is alive."""
    return answer(HealthView(ok=True))


@operation("GET", "/readyz", Says(answer=HealthView, security="public", unready=True))
async def get_readiness(request: Request) -> Response:
    """Say whether the service works: the log, the deciders, the projections."""
    checks: Mapping[str, Check] = request.app.state.checks
    names = list(checks)
    parts = await asyncio.gather(*(_check(checks[name]) for name in names))
    views = {
        name: PartView(ok=part.ok, detail=part.detail)
        for name, part in zip(names, parts, strict=True)
    }
    ok = all(part.ok for part in parts)
    return answer(HealthView(ok=ok, parts=views), status=200 if ok else 503)


@operation("GET", "/metrics", Says(text=CONTENT_TYPE, security="public"))
async def get_metrics(request: Request) -> Response:
    """Show the metrics, as Prometheus reads them."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})


@operation(
    "GET", "/problems/{code}", Says(answer=ProblemView, codes=("not_found",), security="public")
)
async def get_problem(code: Code, request: Request) -> Response:
    """Explain a problem's code: where a problem's `type` leads."""
    if code not in STATUS:
        raise Problem("not_found")
    return answer(ProblemView(code=code, status=STATUS[code], title=title_of(code)))


async def _check(check: Check) -> Part:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check()
    except TimeoutError:
        return Part(False, f"no word within {CHECK_TIMEOUT:g} s")
