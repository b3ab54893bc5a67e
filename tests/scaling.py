"""What becomes of a ScaledObject: the figure that KEDA's scaler of RabbitMQ reads, and what the autoscaler makes of it.

KEDA's operator does not run here. This follows what is written of both: KEDA's scaler `rabbitmq` (mode QueueLength, by
HTTP) and the algorithm of Kubernetes' HorizontalPodAutoscaler.
"""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import yaml

DRAIN = Path(__file__).parents[1] / "k8s/operators/keda/drain.yaml"
TOLERANCE = 0.1
"""A figure so near to its target changes nothing: Kubernetes' default."""


def scaled() -> dict[str, Any]:
    """The spec of the ScaledObject of `rabbit drain`."""
    return next(each["spec"] for each in yaml.safe_load_all(DRAIN.read_text()) if each["kind"] == "ScaledObject")


def trigger(kind: str) -> dict[str, Any]:
    """What is said of one trigger."""
    return next(each for each in scaled()["triggers"] if each["type"] == kind)


def read(base: str, queue: str, who: tuple[str, str]) -> dict[str, Any]:
    """What KEDA would read of a queue: as the trigger says, but of this server and queue.

    Args:
        base: The server's management API: `http://127.0.0.1:15672`.
        queue: Its name.
        who: User and password.
    """
    said = trigger("rabbitmq")["metadata"]
    assert said["protocol"] == "http"
    url = f"{base}/api/queues/{quote(said['vhostName'], safe='')}/{quote(queue, safe='')}"
    return httpx.get(url, auth=who, timeout=5, trust_env=False).raise_for_status().json()


def length(found: Mapping[str, Any]) -> int:
    """What KEDA makes of it, 0 as long as the server has not counted."""
    said = trigger("rabbitmq")["metadata"]
    assert said["mode"] == "QueueLength"
    return int(found.get("messages_ready" if said.get("excludeUnacknowledged") == "true" else "messages", 0))


def replicas(now: int, messages: int, *, cpu: float = 0, memory: float = 0) -> int:
    """How many replicas are wanted at the next look.

    Args:
        now: How many there are.
        messages: In the queue.
        cpu: What they use of it, in percent of what they ask for.
        memory: The same of memory.
    """
    spec, used = scaled(), {"cpu": cpu, "memory": memory}
    wishes: list[int] = []
    for each in spec["triggers"]:
        target = float(each["metadata"]["value"])
        if each["type"] == "rabbitmq":  # an average over all replicas
            ratio, wish = messages / (target * now), ceil(messages / target)
        else:
            ratio = used[each["type"]] / target
            wish = ceil(now * ratio)
        wishes.append(now if abs(ratio - 1) <= TOLERANCE else wish)
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    step = max(policy["value"] for policy in behaviour["scaleUp"]["policies"])
    return max(spec["minReplicaCount"], min(spec["maxReplicaCount"], max(wishes), now + step))
