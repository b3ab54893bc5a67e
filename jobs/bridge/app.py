"""The ASGI application: from addresses to operations, and from what went wrong to answers."""

import logging
import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobs.bridge.bridge import Bridge
from jobs.bridge.operations import OPERATIONS, Operation, handle
from jobs.bridge.refusals import RefusedError
from jobs.bridge.requests import answer
from jobs.errors import JobError

log = logging.getLogger(__name__)

MORE = {401: {"WWW-Authenticate": "Bearer"}, 413: {"Connection": "close"}, 429: {"Retry-After": "5"}}
"""What a client needs besides to go on."""


def application(bridge: Bridge) -> Starlette:
    """The application of one bridge."""
    app = Starlette(
        routes=[_route(each, bridge) for each in OPERATIONS],
        exception_handlers={HTTPException: _no_such},
        lifespan=bridge.running,
    )
    app.router.redirect_slashes = False  # what is not there is a 404
    return app


def _route(operation: Operation, bridge: Bridge) -> Route:
    requests, seconds = bridge.metrics.requests, bridge.metrics.seconds.labels(operation.name)

    async def endpoint(request: Request) -> Response:
        began = time.perf_counter()
        response = await _answered(operation, bridge, request)
        seconds.observe(time.perf_counter() - began)
        requests.labels(operation.name, response.status_code).inc()
        return response

    return Route(operation.path, endpoint, methods=[operation.method], name=operation.name)


async def _answered(operation: Operation, bridge: Bridge, request: Request) -> Response:
    """What an operation answers; what broke is told in the log, never to the client."""
    try:
        return await handle(operation, bridge, request)
    except RefusedError as error:
        return _refusal(error)
    except JobError as error:
        log.warning("%s: %s", operation.name, error)
        return _refusal(RefusedError(503, "The bridge cannot do that now; its log says why"))
    except Exception:
        log.exception("%s failed", operation.name)
        return _refusal(RefusedError(500, "Internal Server Error"))


def _refusal(error: RefusedError) -> Response:
    response = answer(error.body(), error.code)
    response.headers.update(MORE.get(error.code, {}))
    return response


async def _no_such(_: Request, error: Exception) -> Response:
    code, why = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    return answer({"error_code": code, "message": why}, code)
