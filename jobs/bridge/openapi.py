"""The OpenAPI document, from the operations themselves. Pure."""

import re
from typing import Any

from pydantic_core import to_json

from jobs.bridge.formats import PLAIN
from jobs.bridge.operations import OPERATIONS, Operation

ALWAYS = {401: "No key, or a wrong one.", 500: "Something broke; the bridge's log says what.", 503: "Kafka is away."}
ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {
        "error_code": {"type": "integer"},
        "message": {"type": "string"},
        "validation_errors": {"type": "array", "items": {"type": "string"}},
    },
}


def document(version: str) -> bytes:
    """The whole document as JSON."""
    schemas: dict[str, Any] = {"Error": ERROR}
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    keys = {"type": "http", "scheme": "bearer"}
    said: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Headrace's HTTP bridge to Kafka", "version": version},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": keys}},
        "security": [{"key": []}],
    }
    return to_json(said)


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *(_parameter(name, "path", "string") for name in re.findall(r"{(\w+)}", operation.path)),
            *(_parameter(name, "query", kind) for name, kind in operation.query.items()),
        ],
        "responses": _responses(operation),
    }
    if operation.open:
        said["security"] = []
    if operation.body:
        schema = operation.body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[operation.body.__name__] = schema
        of = {"schema": {"$ref": f"#/components/schemas/{operation.body.__name__}"}}
        said["requestBody"] = {"content": dict.fromkeys(operation.types, of)}
    return said


def _parameter(name: str, place: str, kind: str) -> dict[str, Any]:
    limits = {"minimum": 0} if kind == "integer" else {}
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": kind, **limits}}


def _responses(operation: Operation) -> dict[str, Any]:
    wrong = {400: "The request is not as this document says.", 413: "The body is too large."} if operation.body else {}
    error = {"content": {PLAIN: {"schema": {"$ref": "#/components/schemas/Error"}}}}
    found = sorted({**ALWAYS, **wrong, **operation.statuses}.items())
    return {str(code): {"description": text, **(error if code >= 400 else {})} for code, text in found}
