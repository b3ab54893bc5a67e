"""What NetworkPolicies let through, by the rules of the API: the bridge network of the cluster tier enforces none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """One end of a connection.

    Args:
        name: What a failed test calls it.
        labels: What selects it.
        ours: Whether it is in the namespace of the policies.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    ours: bool = True


def admitted(policies: Iterable[Policy], client: Pod, server: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out by the client's policies, and in by the server's."""
    asked = {"port": port, "protocol": protocol}
    out, into = (_rules(policies, own, way) for own, way in ((client, "Egress"), (server, "Ingress")))
    return _lets(out, "to", server, asked) and _lets(into, "from", client, asked)


def _rules(policies: Iterable[Policy], own: Pod, way: str) -> list[Any] | None:
    """What is let through at this pod; None is all."""
    specs = [each["spec"] for each in policies if own.ours and way in each["spec"]["policyTypes"]]
    about = [each for each in specs if _selects(each["podSelector"], own)]
    return [rule for each in about for rule in each[way.lower()]] if about else None


def _lets(rules: list[Any] | None, peers: str, other: Pod, asked: Mapping[str, Any]) -> bool:
    return rules is None or any(
        _peer(each.get(peers), other) and ("ports" not in each or asked in each["ports"]) for each in rules
    )


def _peer(peers: list[Any] | None, other: Pod) -> bool:
    return not peers or any(
        ("namespaceSelector" in each or other.ours) and _selects(each["podSelector"], other) for each in peers
    )


def _selects(selector: Mapping[str, Any], pod: Pod) -> bool:
    assert selector.keys() <= {"matchLabels"}, selector
    return selector.get("matchLabels", {}).items() <= pod.labels.items()
