"""What can be asked for, and what it needs to be asked with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from jobs.api import answers, documents
from jobs.api.answers import answer
from jobs.api.measured import Figures
from jobs.api.mongo import Documents
from jobs.api.problems import ProblemError, documented
from jobs.api.sources import ALERTS, ENTRIES, Sources
from jobs.connectors.states import WORST
from jobs.errors import JobError
from jobs.groups.lag import INFINITE, Lag
from jobs.health import metrics

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,248}$"
FIELD = documents.FIELD

Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Collection = Annotated[str, Query(pattern=NAME, description="Where: GET /collections lists them.")]
Filters = Annotated[
    list[Annotated[str, Query(pattern=rf"^{FIELD}(!=|>=|<=|=|>|<)[^\x00]{{0,500}}$")]],
    Query(max_length=20, description="Conditions that all hold: `amount>=100`, `currency=EUR`, `merchant!=null`."),
]
Sort = Annotated[str, Query(pattern=rf"^-?{FIELD}$", description="By which field; `-amount` is the greatest first.")]
Fields = Annotated[
    str, Query(pattern=rf"^{FIELD}(,{FIELD})*$", max_length=1000, description="Only these: `amount,currency`.")
]
Cursor = Annotated[str, Query(pattern="^[A-Za-z0-9_-]+=*$", max_length=4000, description="`next` of the last answer.")]


def known(request: Request) -> None:
    """Refuse parameters that the route does not have, and single ones that are given twice: both are mistakes.

    Raises:
        ProblemError: There is one.
    """
    paths: dict[str, Any] = request.app.openapi()["paths"]
    declared = paths[request.scope["route"].path_format]["get"].get("parameters", [])
    kinds = {each["name"]: each["schema"].get("type") for each in declared if each["in"] == "query"}
    for name in request.query_params:
        if name not in kinds:
            there = f"it has {', '.join(kinds)}" if kinds else "it has none"
            raise ProblemError(422, f"{request.url.path} has no parameter {name!r}: {there}")
        if kinds[name] != "array" and len(request.query_params.getlist(name)) > 1:
            raise ProblemError(422, f"the parameter {name} is given more than once")


def public(sources: Sources) -> APIRouter:
    """What whoever starts and stops this process asks."""
    router = APIRouter(tags=["process"], dependencies=[Depends(known)], responses=documented(422))

    @router.get("/health", response_model=answers.Health)
    async def health() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Whether this process answers."""
        return answer(answers.Health())

    @router.get(
        "/ready", response_model=answers.Ready, responses={503: {"model": answers.Ready, "description": "Not ready"}}
    )
    def ready() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Whether what it reads from answers, part by part."""
        parts = sources.parts.get()
        missing = any(each.state == "missing" for each in parts)
        return answer(answers.Ready("missing" if missing else "ok", parts), 503 if missing else 200)

    return router


def private(sources: Sources, figures: Figures, admit: Callable[..., Any]) -> APIRouter:
    """What is for those who are let in."""
    router = APIRouter(dependencies=[Depends(admit), Depends(known)], responses=documented(401, 422, 429, 503))
    _state(router, sources, figures)
    _tables(router, sources)
    _documents(router, sources)
    return router


def _state(router: APIRouter, sources: Sources, figures: Figures) -> None:
    @router.get("/pipeline", tags=["pipeline"], response_model=answers.Pipeline)
    def pipeline() -> Response:  # pyright: ignore[reportUnusedFunction]
        """The cluster, the connectors and the readers' lag, as `headrace health check` sees them."""
        seen = sources.look.seen()
        found = seen.get()
        states = sorted(found.states, key=lambda each: WORST.index(each.state) if each.state in WORST else -1)
        report = found.report
        said = (report.verdict, report.findings, states, sorted(found.lags, key=_worst))
        return answer(answers.Pipeline(seen.at, seen.seconds, *said))

    @router.get("/runs", tags=["pipeline"], response_model=answers.Runs, responses=documented(404))
    def runs(  # pyright: ignore[reportUnusedFunction]
        workflow: Annotated[str, Query(pattern=NAME)] | None = None,
        status: Annotated[str, Query(pattern="^(Running|Succeeded|Failed|Died)$")] | None = None,
        after: Annotated[str, Query(pattern=NAME, description="`next` of the last answer.")] | None = None,
        limit: Limit = 50,
    ) -> Response:
        """Runs of workflows, the newest first."""
        seen = sources.runs.seen()
        every = seen.get()
        names = [each.run for each in every]
        if after is not None and after not in names:
            raise ProblemError(404, f"there is no run {after}", hint="begin without `after`")
        left = every[names.index(after) + 1 :] if after is not None else every
        found = [each for each in left if workflow in (None, each.workflow) and status in (None, each.status)]
        more = found[limit - 1].run if len(found) > limit else None
        return answer(answers.Runs(seen.at, found[:limit], more))

    @router.get("/runs/{run}", tags=["pipeline"], response_model=answers.Run, responses=documented(404))
    def run(run: Annotated[str, Path(pattern=NAME)]) -> Response:  # pyright: ignore[reportUnusedFunction]
        """One run, with its steps."""
        found = next((each for each in sources.runs.get() if each.run == run), None)
        if found is None:
            raise ProblemError(404, f"there is no run {run}", hint="GET /runs lists them")
        return answer(found)

    @router.get(
        "/metrics", tags=["process"], responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    )
    def prometheus() -> Response:  # pyright: ignore[reportUnusedFunction]
        """How the API and the pipeline do, for Prometheus."""
        text = figures.text()
        try:
            seen = sources.look.seen()
            text += metrics.text(seen.get(), seconds=seen.seconds, at=seen.at.timestamp())
        except JobError:  # the API's own figures are there all the same
            pass
        return Response(text, media_type=CONTENT_TYPE_LATEST)


def _tables(router: APIRouter, sources: Sources) -> None:
    @router.get("/ledger", tags=["pipeline"], response_model=answers.Ledger, responses=documented(404))
    def ledger(  # pyright: ignore[reportUnusedFunction]
        topic: Annotated[str, Query(pattern=NAME)] | None = None,
        last: Annotated[int, Query(ge=1, le=ENTRIES, description="How many entries of each table.")] = 10,
    ) -> Response:
        """What each table took, when and by which run, and how far it is behind."""
        seen = sources.ledgers.seen()
        found = seen.get()
        topics = [each for each in found.topics if topic in (None, each.topic)]
        if topic is not None and not topics:
            raise ProblemError(404, f"there is no table of the topic {topic}", hint="GET /ledger lists them")
        cut = [
            replace(each, layers=[replace(layer, lines=layer.lines[:last]) for layer in each.layers]) for each in topics
        ]
        return answer(answers.Ledger(seen.at, cut, found.tables if topic is None else ()))

    @router.get("/dead-letters", tags=["pipeline"], response_model=answers.DeadLetters)
    def dead_letters() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Dead letters by topic and reason."""
        seen = sources.letters.seen()
        return answer(answers.DeadLetters(seen.at, seen.get()))

    @router.get("/alerts", tags=["pipeline"], response_model=answers.NewestAlerts)
    def newest_alerts(  # pyright: ignore[reportUnusedFunction]
        said: Annotated[str, Query(pattern=NAME, description="Only of this class: dos, probe, r2l, u2r.")]
        | None = None,
        limit: Annotated[int, Query(ge=1, le=ALERTS)] = 100,
    ) -> Response:
        """The newest alerts of the model that watches connections."""
        seen = sources.alerts.seen()
        found = seen.get()
        items = [each for each in found.items if said in (None, each.get("said"))]
        return answer(answers.NewestAlerts(seen.at, found.topic, found.exists, items[:limit]))


def _documents(router: APIRouter, sources: Sources) -> None:
    @router.get("/collections", tags=["data"], response_model=answers.Collections)
    def collections() -> Response:  # pyright: ignore[reportUnusedFunction]
        """The collections of documents, and the fields by which each can be sorted."""
        there = _store(sources)
        found = [answers.Collection(name, sorted(there.sortable(name))) for name in there.collections()]
        return answer(answers.Collections(found))

    @router.get("/data", tags=["data"], response_model=answers.Page, responses=documented(400, 404))
    def data(  # pyright: ignore[reportUnusedFunction]
        *,
        collection: Collection,
        filter: Filters = [],  # noqa: B006 - FastAPI copies it
        sort: Sort = "_id",
        fields: Fields | None = None,
        limit: Limit = 100,
        cursor: Cursor | None = None,
    ) -> Response:
        """Documents: those that meet every filter, sorted, page by page."""
        query = documents.Query(collection, tuple(filter), sort, tuple(fields.split(",")) if fields else (), limit)
        condition, there = query.condition(cursor or ""), _store(sources)
        if query.field != "_id" and query.field not in (sortable := there.sortable(collection)):
            _must_exist(there, collection)
            hint = f"sort by {', '.join(sorted(sortable))}"
            raise ProblemError(400, f"{collection} has no index of {query.field} to sort by", hint=hint)
        read = (*query.fields, "_id", query.field) if query.fields else ()
        found = there.find(collection, condition, query.order, limit + 1, read)
        if not found:  # asked last: most questions are of what is there
            _must_exist(there, collection)
        more = query.cursor(found[limit - 1]) if len(found) > limit else None
        return answer(
            answers.Page([documents.plain(documents.projected(each, query.fields)) for each in found[:limit]], more)
        )


def _worst(lag: Lag) -> tuple[float, float, str, str]:
    """The group that loses something first comes first."""
    left = INFINITE if lag.until_loss is None else lag.until_loss
    return (-1.0 if lag.expired else left, -lag.seconds, lag.group, lag.topic)


def _store(sources: Sources) -> Documents:
    if sources.documents is None:
        raise JobError("no document store is configured", hint="set MONGODB_HOST")
    return sources.documents


def _must_exist(there: Documents, collection: str) -> None:
    if collection not in there.collections():
        raise ProblemError(404, f"there is no collection {collection}", hint="GET /collections lists them")
