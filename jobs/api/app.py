"""The application: routes behind a door, their schema, and the pages."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from jobs.api import problems, routes
from jobs.api.door import Door, admitted, anybody
from jobs.api.measured import Figures, Measured
from jobs.api.problems import Problem
from jobs.api.sources import Sources

PAGE = Path(__file__).parent / "page"
ABOUT = """The state of the pipeline, and the documents that it made.

Ask with a key of `headrace keys make`, or with a token of the configured OIDC issuer:
`Authorization: Bearer KEY`. What goes wrong is said as `application/problem+json` (RFC 9457).
"""


def application(sources: Sources, door: Door) -> FastAPI:
    """The API, its documentation and the web page.

    Args:
        sources: Where the answers come from.
        door: Who is let in.
    """
    figures = Figures()
    app = FastAPI(title="Headrace", version="1", description=ABOUT, docs_url=None, redoc_url=None)
    app.state.door = door
    app.add_middleware(Measured, figures=figures)  # type: ignore[arg-type]
    problems.install(app)
    app.include_router(routes.public(sources))
    app.include_router(routes.private(sources, figures, anybody if door.open else admitted))
    app.openapi = lambda: _schema(app)
    _pages(app)
    return app


def _schema(app: FastAPI) -> dict[str, Any]:
    """The routes' schema, with the one shape of all problems."""
    if not app.openapi_schema:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        made.setdefault("components", {}).setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        app.openapi_schema = made
    return app.openapi_schema


def _pages(app: FastAPI) -> None:
    """The page at `/` and Swagger UI at `/docs`: files of this machine, so they work offline."""
    swagger = Path(str((find_spec("fastapi_offline") or find_spec("jobs")).origin)).parent / "static"  # type: ignore[union-attr]

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:  # pyright: ignore[reportUnusedFunction]
        return FileResponse(PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:  # pyright: ignore[reportUnusedFunction]
        return FileResponse(PAGE / "docs.html")

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.mount("/swagger", StaticFiles(directory=swagger), name="swagger")
