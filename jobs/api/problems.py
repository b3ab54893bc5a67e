"""What the API says when it cannot answer: RFC 9457's problem+json, whatever went wrong, and never a stack trace."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from jobs.errors import JobError, UsageError

log = logging.getLogger(__name__)
KIND = "application/problem+json"


class Problem(BaseModel):
    """Why there is no answer.

    Args:
        type: Always `about:blank`: the status says what kind of problem it is.
        title: What the status means.
        status: The HTTP status.
        detail: What was wrong with this request, or which service is missing.
        hint: What to do next, if something helps.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str = ""


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        status: The HTTP status.
        detail: What is wrong.
        hint: What to do next.
        headers: More headers of the answer.
    """

    def __init__(self, status: int, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint = status, detail, hint
        self.headers = dict(headers or {})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the schema speaks of these statuses."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {each: {"description": HTTPStatus(each).phrase, "content": {KIND: schema}} for each in statuses}


def response(status: int, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that cannot be answered."""
    said = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, hint=hint)
    return Response(said.model_dump_json(), status, dict(headers or {}), KIND)


def install(app: FastAPI) -> None:
    """Answer with a problem whatever is raised."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(JobError, _job)
    app.add_exception_handler(Exception, _bug)


async def _problem(_: Request, error: Exception) -> Response:
    said = cast(ProblemError, error)
    return response(said.status, said.detail, said.hint, said.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    found = cast(Sequence[Mapping[str, Any]], cast(RequestValidationError, error).errors())
    return response(422, "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in found))


async def _http(request: Request, error: Exception) -> Response:
    said = cast(HTTPException, error)
    detail = {404: f"there is no {request.url.path}", 405: f"{request.url.path} takes no {request.method}"}
    hint = "GET /docs lists what there is" if said.status_code in detail else ""
    return response(said.status_code, detail.get(said.status_code, str(said.detail)), hint, said.headers)


async def _job(_: Request, error: Exception) -> Response:
    """What the caller got wrong is 400; what a service did not give is 503, and may be asked for again."""
    said = cast(JobError, error)
    if isinstance(said, UsageError):
        return response(400, str(said), said.hint)
    return response(503, str(said), said.hint, {"Retry-After": "5"})


async def _bug(request: Request, error: Exception) -> Response:
    """A bug: its story is in the log, not in the answer."""
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return response(500, "this is a fault of the API; its log says more")
