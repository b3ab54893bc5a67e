"""`make demo`: real services carry real messages once through the pipeline, and the books are balanced."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from rich.console import Console
from rich.table import Table

from flows import run
from jobs import cli, kafka, log, settings
from jobs.errors import JobError

QUEUE = "messages-raw"  # where the connector of k8s/base/declared/messages sends
PATIENCE = 90  # seconds in which the sink must have caught up


@dataclass(frozen=True)
class Books:
    """How many messages each place says that it has.

    Args:
        sent: Updates that Telegram (its stand-in) handed out.
        topic: Records on the topic.
        bronze: Rows of bronze.
        silver: Rows of silver.
        dead: Records that silver refused, on the dead-letter topic.
        duplicates: Records of a message that silver had already.
        accepted: Messages in the queue that the connector feeds.
        refused: Records that the queue refused, on the connector's dead-letter topic.
        gold: Rows of gold.
        exported: Rows of gold that their queue accepted.
    """

    sent: int
    topic: int
    bronze: int
    silver: int
    dead: int
    duplicates: int
    accepted: int
    refused: int
    gold: int
    exported: int

    def lines(self) -> list[tuple[str, str, bool]]:
        """Each comparison: what is compared, the figures, and whether they agree."""
        cleaned = self.silver + self.dead + self.duplicates
        through_connector = self.accepted + self.refused
        return [
            (
                "sent by Telegram = on the topic",
                f"{self.sent:,} = {self.topic:,}",
                self.sent == self.topic,
            ),
            (
                "on the topic = in bronze",
                f"{self.topic:,} = {self.bronze:,}",
                self.topic == self.bronze,
            ),
            (
                "in bronze = in silver + dead letters + duplicates",
                f"{self.bronze:,} = {self.silver:,} + {self.dead:,} + {self.duplicates:,}",
                self.bronze == cleaned,
            ),
            (
                "on the topic = accepted by SQS + refused (connector)",
                f"{self.topic:,} = {self.accepted:,} + {self.refused:,}",
                self.topic == through_connector,
            ),
            (
                "rows of gold = accepted by SQS (exporter)",
                f"{self.gold:,} = {self.exported:,}",
                self.gold == self.exported,
            ),
        ]

    @property
    def balanced(self) -> bool:
        """Whether every comparison holds."""
        return all(agrees for _, _, agrees in self.lines())


def demo() -> None:
    """Run `messages` on everything that Telegram has, and reconcile.

    Raises:
        JobError: A step failed, or the books don't balance.
    """
    console = Console()
    begun = time.monotonic()
    sent = int(httpx.get(f"{os.environ['TELEGRAM_BASE_URI']}/stand-in").json()["total"])
    console.print(f"Telegram has {sent:,} messages. The workflow [b]messages[/b] begins.")
    ended = run.run("messages", param=[f"at_least={sent}"])
    console.print(ended.text(), soft_wrap=True)
    verified: Any = next(step["result"] for step in ended.steps if step["name"] == "ledger-verify")
    books = balance(sent, verified["counts"])
    table = Table("what must agree", "figures", "")
    for what, figures, agrees in books.lines():
        table.add_row(what, figures, "[green]✔[/green]" if agrees else "[red]✘[/red]")
    console.print(table)
    for name, fingerprint in verified["hashes"].items():
        console.print(f"{name:<17} {fingerprint}")
    console.print(WHERE.format(ui=ended.url, lake=os.environ["LAKE_URI"]))
    console.print(f"{time.monotonic() - begun:.0f} s")
    if not books.balanced:
        hint = "headrace dlq list --topic=messages.sqs.dlq, headrace connectors status"
        raise JobError("the books don't balance", hint=hint)


WHERE = """
Look on:  Prefect's UI   {ui}
          tables         {lake}
          topics         uv run headrace topics plan
          dead letters   uv run headrace dlq list --topic=messages.dlq (of the connector: messages.sqs.dlq)
          services       make status"""


def balance(sent: int, counts: dict[str, int]) -> Books:
    """Ask the topic and the queue, once the connector has sent all it was given."""
    topic, refused = (
        sum(end - first for first, end in kafka.watermarks(name).values()) for name in ("messages", "messages.sqs.dlq")
    )
    accepted = settled(in_queue, topic - refused)
    return Books(
        sent=sent,
        topic=topic,
        accepted=accepted,
        refused=refused,
        exported=counts.get("accepted", 0),
        **{name: counts.get(name, 0) for name in ("bronze", "silver", "dead", "duplicates", "gold")},
    )


def settled(count: Callable[[], int], wanted: int) -> int:
    """What `count` says when it has reached `wanted`, or after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while (found := count()) < wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def in_queue() -> int:
    """How many messages the connector's queue holds."""
    client = boto3.client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = client.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    held = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(held[name]) for name in names if name in held)


if __name__ == "__main__":
    log.configure()
    settings.load_dotenv_file()
    sys.exit(cli.run(demo, "table"))
