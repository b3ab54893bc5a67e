"""The state folder: made once for one layout, and recognised afterwards."""

import base64
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from jobs.errors import JobError
from stack import documents, properties
from stack.java import java
from stack.layout import Layout

MADE = "stack.json"  # written last: a folder without it was never used


def made_for(state: Path) -> tuple[int, int] | None:
    """PORTS and NODES that the folder was made for, None when it is not made yet.

    Raises:
        JobError: Its record cannot be read.
    """
    try:
        said = json.loads((state / MADE).read_text())
        return int(said["ports"]), int(said["nodes"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(f"{state / MADE} is damaged", hint=f"make clean STATE={state}") from error


def prepare(layout: Layout, jars: Path) -> None:
    """Make the folder what the layout says, formatting Kafka's storage if it is new.

    Raises:
        JobError: It was made for other ports or nodes, or could not be formatted.
    """
    made = made_for(layout.state)
    if made and made != (layout.base, layout.nodes):
        raise JobError(
            f"{layout.state} was made with PORTS={made[0]} NODES={made[1]}, and Kafka keeps both in its data",
            hint=f"make up STATE={layout.state} PORTS={made[0]} NODES={made[1]}, or another STATE, or make clean",
        )
    for folder in ("logs", "kafka", "elasticmq", "telegram", "prefect", "spark/tmp", "lake", "rabbitmq", "mongodb"):
        (layout.state / folder).mkdir(parents=True, exist_ok=True)
    if not made:
        _format(layout, jars)
    _configure(layout, jars)
    if not made:
        write(layout.state / MADE, json.dumps({"ports": layout.base, "nodes": layout.nodes}) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text)
    new.replace(path)


def _configure(layout: Layout, jars: Path) -> None:
    for name in properties.nodes(layout):
        write(layout.state / f"kafka/{name}.properties", properties.text(properties.node(layout, name)))
    write(layout.state / "rabbitmq/rabbitmq.conf", documents.rabbitmq_conf(layout))
    write(layout.state / "rabbitmq/enabled_plugins", documents.PLUGINS)
    connect = properties.connect(layout, jars / "plugins")
    write(layout.state / "connect.properties", properties.text(connect))


def _format(layout: Layout, jars: Path) -> None:
    shutil.rmtree(layout.state / "kafka")  # what an interrupted formatting left
    (layout.state / "kafka").mkdir()
    _configure(layout, jars)
    cluster = _uuid()
    quorum = ["--standalone"]
    if not layout.combined:
        voters = [f"{100 + n}@{layout.address(f'controller-{n}')}:{_uuid()}" for n in range(1, layout.nodes + 1)]
        quorum = ["--initial-controllers", ",".join(voters)]
    for name in properties.nodes(layout):
        is_controller = layout.combined or name.startswith("controller")
        options = quorum if is_controller else ["--no-initial-controllers"]
        command = [
            *(str(java()), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-Dheadrace.log=WARN", f"-Dlog4j2.configurationFile={Path(__file__).parent}/log4j2.properties"),
            *("-cp", f"{jars}/kafka/*", "kafka.tools.StorageTool", "format", "-t", cluster),
            *("-c", str(layout.state / f"kafka/{name}.properties"), *options),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise JobError(f"Kafka could not format its storage for {name}: {done.stdout}{done.stderr}")


def _uuid() -> str:
    """A Kafka Uuid: 16 random bytes in base 64, which must not look like an option."""
    return base64.urlsafe_b64encode(b"\x00" + secrets.token_bytes(15)).decode().rstrip("=")


def write_env(layout: Layout, jars: Path, running: Collection[str] = ()) -> None:
    """Tell clients where the services are, and jobs that are drivers of their own where Spark's jars are.

    Args:
        layout: Where they are.
        jars: The folder of the jars.
        running: The programs that run: of what was not asked for, clients are told nothing.
    """
    told = {**layout.clients(), "SPARK_JARS": f"{jars}/spark"}
    for name, variable in documents.VARIABLES.items():
        if name not in running:
            del told[variable]
    write(layout.env_file, "".join(f"{name}={value}\n" for name, value in sorted(told.items())))
