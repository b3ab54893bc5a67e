"""The Kafka cluster as a whole."""

from typing import Literal
from jobs.job import job


@job("jobs", memory="128Mi", retries=3, minutes=5, needs=("kafka",))
def check(*, brokers: int = 1, kind: Literal["a", "b"]="a") -> dict[str, int]:
    """Fail unless enough brokers answer.

    Args:
        brokers: How many brokers must be up.
    """
    return {"brokers": brokers}
