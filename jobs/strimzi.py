"""What Strimzi's operators are given, for clusters whose operator owns topics, users or connectors."""

from dataclasses import dataclass
from typing import Any

import yaml

API = "kafka.strimzi.io/v1"


@dataclass(frozen=True)
class Manifests:
    """Resources for `kubectl apply -f -`, which reads this JSON as well as the YAML."""

    items: tuple[dict[str, Any], ...]
    kind: str = "List"
    apiVersion: str = "v1"  # noqa: N815 - Kubernetes' name

    def text(self) -> str:
        """One YAML document a resource."""
        documents = yaml.safe_dump_all(self.items, sort_keys=False, width=1000, explicit_start=True)
        return documents.rstrip().replace("[", r"\[")
