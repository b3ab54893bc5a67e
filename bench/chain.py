"""The warm local chain of `messages`, with 100,000 messages on the topic, against its steps typed one by one.

The peer is the same command lines without an orchestrator: what Prefect and the walk through the DAG cost
is the difference. The goal is at most one second a step.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench import line
from jobs import log, settings

COUNT, PAIRS = 100_000, 3
HEADRACE = [sys.executable, "-c", "from jobs.cli import main; main()"]


@dataclass(frozen=True)
class Run:
    """One run: how long it took in seconds, what each step took, and the tables' fingerprints and counts."""

    seconds: float
    steps: dict[str, float]
    verified: dict[str, Any]


def fill() -> str:
    """Make a topic with COUNT messages, always the same, and return its name."""
    name = f"chain-{uuid4().hex[:8]}"
    config = {"bootstrap.servers": settings.load(settings.Kafka).bootstrap_servers, "linger.ms": 20}
    topics = [NewTopic(name, 6, 1), NewTopic(f"{name}.dlq", 1, 1)]
    client = AdminClient(config)  # ends its requests when nobody holds it
    for made in client.create_topics(topics).values():
        made.result()
    producer = Producer(config)
    for number in range(COUNT):
        chat, sender = {"id": str(number % 20)}, {"id": number % 50, "username": f"user{number % 50}"}
        event = {"message_id": number, "date": 1767225600 + number * 5, "chat": chat, "from": sender, "text": "x" * 60}
        producer.produce(name, json.dumps(event).encode(), partition=number % 6)
        producer.poll(0)
    producer.flush()
    return name


def run(words: list[str]) -> tuple[float, str]:
    """Run a command line of headrace; its wall time in seconds and what it printed."""
    begun = time.monotonic()
    done = subprocess.run([*HEADRACE, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"headrace {' '.join(words)}: {done.stderr}")
    return time.monotonic() - begun, done.stdout


def orchestrated(topic: str) -> Run:
    """`headrace run messages`."""
    seconds, printed = run(["run", "messages", f"--param=topic={topic}", f"--param=queue={topic}", "--output=json"])
    steps = json.loads(printed)["steps"]
    verified = next(step["result"] for step in steps if step["name"] == "ledger-verify")
    return Run(seconds, {step["name"]: step["seconds"] for step in steps}, verified)


def plain(topic: str) -> Run:
    """The same steps, one after the other."""
    steps: dict[str, float] = {}
    printed = ""
    for words in (
        ["cluster", "check"],
        ["topics", "apply"],
        ["connectors", "apply"],
        ["bronze", "load", f"--topic={topic}"],
        ["silver", "clean", f"--topic={topic}", "--dataset=messages"],
        ["gold", "build", f"--topic={topic}", "--dataset=messages"],
        ["sqs", "export", f"--table=gold/{topic}", f"--queue={topic}", "--create"],
        ["runs", "report", "--workflow=plain", "--status=Succeeded"],
        ["ledger", "verify", f"--topic={topic}", f"--queue={topic}"],
    ):
        steps["-".join(words[:2])], printed = run(words)
    return Run(sum(steps.values()), steps, json.loads(printed))


def same(one: Run, other: Run) -> bool:
    """Whether both did the same work: equal counts everywhere, equal rows in gold."""
    gold = [next(value for name, value in run.verified["hashes"].items() if "gold" in name) for run in (one, other)]
    return one.verified["counts"] == other.verified["counts"] and gold[0] == gold[1]


def main() -> None:
    """Measure PAIRS pairs after one that warms up."""
    log.configure()
    settings.load_dotenv_file()
    line.refuse_if_busy()
    pairs = [(orchestrated(fill()), plain(fill())) for _ in range(PAIRS + 1)][1:]
    if not all(same(*pair) for pair in pairs):
        sys.exit("the two ways left different tables")
    ours, peer = (median(pair[side].seconds for pair in pairs) for side in (0, 1))
    for name in pairs[0][0].steps:
        took = [median(pair[side].steps.get(name.split(" ")[0], 0) for pair in pairs) for side in (0, 1)]
        took[0] = median(pair[0].steps[name] for pair in pairs)
        sys.stdout.write(f"{name:<20} {took[0]:6.2f} s   alone {took[1]:6.2f} s\n")
    count = len(pairs[0][0].steps)
    sys.stdout.write(f"whole run {ours:.1f} s, steps alone {peer:.1f} s: {(ours - peer) / count:+.2f} s a step\n")
    line.write("chain/plain-commands", COUNT / ours, COUNT / peer, "messages/s")


if __name__ == "__main__":
    main()
