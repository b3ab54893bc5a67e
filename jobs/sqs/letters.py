"""Dead letters of an export: what the queue will never take, with AWS's code."""

import os

from jobs import dlq
from jobs.sqs.answers import Verdict


class Letters:
    """Writes dead letters.

    Args:
        topic: The topic of dead letters.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def bury(self, dead: list[Verdict]) -> None:
        """Write dead letters, and return when the brokers have them.

        Raises:
            JobError: They did not take all.
        """
        dlq.send(self.topic, map(_letter, dead), os.environ.get("HEADRACE_RUN", "by hand"))


def _letter(verdict: Verdict) -> dlq.DeadLetter:
    message = verdict.message
    return dlq.DeadLetter(
        message.origin,
        verdict.said,
        message.value,
        key=message.key,
        headers=message.headers,
        timestamp=message.timestamp,
    )
