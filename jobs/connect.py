"""Kafka Connect's REST interface: I/O only, no decisions."""

from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from jobs import settings
from jobs.errors import JobError

HINT = "make status (is it running?), make up (start it)"

BUSY = (409, 503)
"""A worker that is rebalancing, has a stale configuration, or is still starting says so: ask again."""

TURN = {"RUNNING": "resume", "PAUSED": "pause", "STOPPED": "stop"}

PATIENCE = 60.0
"""How long a worker may be busy with itself, in seconds."""


@dataclass(frozen=True)
class Field:
    """One setting as a plugin judges it; `value` has its references resolved, so it is never shown."""

    name: str
    type: str
    value: str | None
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Offset:
    """Where a connector goes on in one partition of what it reads; a plugin of a source has its own words for both."""

    partition: dict[str, Any]
    offset: dict[str, Any] | None


class Connect:
    """A Connect cluster, through any of its workers."""

    def __init__(self, url: str = "", transport: httpx.BaseTransport | None = None) -> None:
        self.url = url or settings.load(settings.Connect).url
        self._http = httpx.Client(base_url=self.url, timeout=httpx.Timeout(90, connect=3), transport=transport)

    def version(self) -> str:
        """Which Kafka the worker is of: 4.3.1."""
        return str(self._ask("GET", "/")["version"])

    def plugins(self) -> list[str]:
        """The classes of every connector, converter and transformation there is."""
        found: list[dict[str, str]] = self._ask("GET", "/connector-plugins?connectorsOnly=false")
        return sorted({plugin["class"] for plugin in found})

    def validate(self, plugin: str, config: dict[str, str]) -> list[Field]:
        """What the plugin makes of a configuration, setting by setting."""
        answer = self._ask("PUT", f"/connector-plugins/{plugin}/config/validate", config)
        return [
            Field(
                name=each["value"]["name"],
                type=each["definition"]["type"],
                value=each["value"]["value"],
                errors=tuple(each["value"]["errors"]),
            )
            for each in answer["configs"]
        ]

    def configs(self) -> dict[str, dict[str, str]]:
        """The configuration of every connector, by name."""
        found = self._ask("GET", "/connectors?expand=info")
        return {name: each["info"]["config"] for name, each in found.items()}

    def statuses(self) -> dict[str, dict[str, Any]]:
        """The state of every connector and its tasks, by name."""
        return {
            name: each["status"]
            for name, each in self._ask("GET", "/connectors?expand=status").items()
            if "status" in each
        }

    def put(self, name: str, config: dict[str, str]) -> None:
        """Create the connector, or give it another configuration."""
        self._ask("PUT", f"/connectors/{name}/config", config)

    def create(self, name: str, config: dict[str, str], state: str = "RUNNING") -> None:
        """Create the connector in a state, so that one which is to be stopped never runs."""
        self._ask("POST", "/connectors", {"name": name, "config": config, "initial_state": state})

    def turn(self, name: str, state: str) -> None:
        """Let the connector be RUNNING, PAUSED or STOPPED; it gets there a moment later."""
        self._ask("PUT", f"/connectors/{name}/{TURN[state]}")

    def restart(self, name: str, task: int | None = None) -> None:
        """Restart one task, or the connector itself without its tasks."""
        self._ask("POST", f"/connectors/{name}/restart" if task is None else f"/connectors/{name}/tasks/{task}/restart")

    def delete(self, name: str) -> None:
        """Delete the connector; its offsets stay."""
        self._ask("DELETE", f"/connectors/{name}")

    def offsets(self, name: str) -> list[Offset]:
        """Where the connector goes on, by partition of what it reads."""
        found = self._ask("GET", f"/connectors/{name}/offsets")["offsets"]
        return [Offset(each["partition"], each["offset"]) for each in found]

    def alter(self, name: str, offsets: list[Offset]) -> None:
        """Let a stopped connector go on elsewhere."""
        said = [{"partition": each.partition, "offset": each.offset} for each in offsets]
        self._ask("PATCH", f"/connectors/{name}/offsets", {"offsets": said})

    def reset(self, name: str) -> None:
        """Let a stopped connector forget where it was."""
        self._ask("DELETE", f"/connectors/{name}/offsets")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        busy = Retrying(
            retry=retry_if_result(lambda answer: answer.status_code in BUSY),
            wait=wait_fixed(0.25),
            stop=stop_after_delay(PATIENCE),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        try:
            answer: httpx.Response = busy(self._http.request, method, path, json=body)
        except httpx.TransportError as error:
            raise JobError(f"Kafka Connect at {self.url} cannot be reached: {error}", hint=HINT) from error
        if answer.is_error:
            raise JobError(f"Kafka Connect refuses {method} {path}: {answer.status_code} {_message(answer)}")
        return answer.json() if answer.content else None


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
