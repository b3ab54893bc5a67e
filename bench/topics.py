"""1,000 topics, declared and made so, against Kafka's own tools; one JSON line a measurement.

What was left behind is compared first: names, partitions and settings as `kafka-topics` sees them. `plan` is against
`kafka-topics --describe`, `apply` (half of the topics differ in one setting) against `kafka-configs --alter`, which
takes one topic a call: it is measured on a few, and scaled. The goals are 1 s to plan and 3 s to apply, start of the
process included. Run it on a stack: `make bench`, or `python -m bench.topics`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from bench import line
from jobs import log, settings
from stack import jars
from stack.java import java

COUNT, PARTITIONS, PAIRS, SINGLE = 1000, 6, 3, 3
HEADRACE = [str(Path(sys.executable).parent / "headrace"), "topics"]


@dataclass(frozen=True)
class Run:
    """One command: how long it took in seconds, the most memory it had in MiB, and what it printed."""

    seconds: float
    memory: float
    out: str


def measure(words: list[str], *, status: int = 0) -> Run:
    """Run a command from its start to its end."""
    with tempfile.TemporaryFile("w+") as out:
        began = time.perf_counter()
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL)
        _, ended, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended)
        if process.returncode != status:
            sys.exit(f"{' '.join(words[:4])} ended with {process.returncode}")
        out.seek(0)
        return Run(seconds, used.ru_maxrss / 1024, out.read())


def settle(file: str) -> None:
    """Apply until the broker has made every folder and shows it."""
    until = time.monotonic() + 600
    while subprocess.run([*HEADRACE, "apply", file], capture_output=True, check=False).returncode:
        if time.monotonic() > until:
            sys.exit("the broker does not show 1,000 topics after 10 minutes")


def write(path: Path, name: str, retention: int, *, half: int) -> Path:
    """The file: every second topic keeps its records for another time."""
    items = (
        f"  - {{name: {name}-{n:04}, partitions: {PARTITIONS}, configs: "
        f"{{retention.ms: {retention + (half if n % 2 else 0)}}}}}"
        for n in range(COUNT)
    )
    path.write_text("\n".join(["topics:", *items, ""]))
    return path


def java_tool(name: str, *words: str) -> list[str]:
    """One of Kafka's own commands, with a JVM as small and as quick as the stack's."""
    servers = settings.load(settings.Kafka).bootstrap_servers
    jvm = [str(java()), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=OFF"]
    return [*jvm, "-cp", f"{jars.home()}/kafka/*", name, "--bootstrap-server", servers, *words]


def described(text: str, name: str) -> dict[str, tuple[str, str]]:
    """Partitions and settings of each topic, as `kafka-topics --describe` prints them."""
    found: dict[str, tuple[str, str]] = {}
    for row in text.splitlines():
        if row.startswith(f"Topic: {name}"):
            parts = dict(each.split(": ", 1) for each in row.split("\t") if ": " in each)
            if "PartitionCount" in parts:
                found[parts["Topic"].strip()] = (parts["PartitionCount"].strip(), parts.get("Configs", "").strip())
    return found


def main() -> None:
    """Measure PAIRS pairs."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    name, folder = f"bench-{uuid4().hex[:6]}", Path(tempfile.mkdtemp())
    file = write(folder / "topics.yaml", name, 60_000, half=0)
    created = measure([*HEADRACE, "apply", str(file)])
    report("create", [created], 3.0)
    # A broker shows nothing new until it has made 6,000 folders: that is waited for, not measured.
    settle(str(write(file, name, 60_000, half=99)))
    describe = java_tool("org.apache.kafka.tools.TopicCommand", "--describe")
    plans: list[Run] = []
    applies: list[Run] = []
    unchanged: list[Run] = []
    peers: list[Run] = []
    singles: list[Run] = []
    try:
        for pair in range(1, PAIRS + 1):
            write(file, name, 60_000, half=pair)
            plans.append(measure([*HEADRACE, "plan", str(file)]))
            applies.append(measure([*HEADRACE, "apply", str(file)]))
            unchanged.append(measure([*HEADRACE, "plan", str(file), "--fail-on-changes"]))
            peers.append(measure(describe))
            compare(described(peers[-1].out, name), name, pair)
            if json.loads(applies[-1].out)["change"] != COUNT // 2:
                sys.exit("apply did not change half of the topics")
            alter = ["--alter", "--entity-type", "topics", "--entity-name", f"{name}-0001"]
            alter += ["--add-config", f"retention.ms={60_000 + pair}"]
            singles += [measure(java_tool("kafka.admin.ConfigCommand", *alter)) for _ in range(SINGLE)]
        report("plan, half differ", plans, 1.0)
        report("apply, half differ", applies, 3.0)
        report("plan, no change", unchanged, 1.0)
        report("kafka-topics --describe", peers, None)
        report("kafka-configs --alter, one topic", singles, None)
        ours, peer = median(each.seconds for each in unchanged), median(each.seconds for each in peers)
        line.write("topics-plan/kafka-topics-describe", COUNT / ours, COUNT / peer, "topics/s")
        ours, one = median(each.seconds for each in applies), median(each.seconds for each in singles)
        line.write("topics-apply/kafka-configs-alter", COUNT / 2 / ours, 1 / one, "changes/s")
    finally:
        clean(name)


def compare(found: dict[str, tuple[str, str]], name: str, pair: int) -> None:
    """End unless Kafka's own tool sees exactly what was declared."""
    wrong = [
        topic
        for topic, (partitions, configs) in found.items()
        if partitions != str(PARTITIONS)
        or f"retention.ms={60_000 + (pair if int(topic[-4:]) % 2 else 0)}" not in configs.split(",")
    ]
    if len(found) != COUNT or wrong:
        sys.exit(f"kafka-topics sees {len(found)} topics of {name}, of which these differ: {wrong[:3]}")


def report(what: str, runs: list[Run], goal: float | None) -> None:
    """What a person reads: median, best, memory and goal."""
    times = [each.seconds for each in runs]
    said = f"goal {goal:.0f} s {'met' if median(times) <= goal else 'MISSED'}" if goal else ""
    memory = max(each.memory for each in runs)
    sys.stdout.write(f"{what:<34} {median(times):6.2f} s  best {min(times):6.2f} s  {memory:5.0f} MiB  {said}\n")


def clean(name: str) -> None:
    """Delete the topics of this run."""
    client = AdminClient({"bootstrap.servers": settings.load(settings.Kafka).bootstrap_servers})
    mine = [topic for topic in client.list_topics(timeout=30).topics if topic.startswith(name)]
    for future in (client.delete_topics(mine, operation_timeout=60) if mine else {}).values():
        future.result()


if __name__ == "__main__":
    main()
