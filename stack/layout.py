"""Where one copy of the stack lives: its folder, its ports, its addresses. Pure."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOKEN = "123456789:HEADRACE-stand-in-only-not-a-secret"  # noqa: S105 - it opens the stand-in alone
ACCESS_KEY, SECRET_KEY, REGION = "headrace", "headrace", "us-east-1"

CONNECT_TOPICS = {"config": "_connect-configs", "offset": "_connect-offsets", "status": "_connect-status"}

# Added to PORTS: the last digits of each service's usual port, as far as they go.
OFFSETS = {
    "mongodb": 17,
    "telegram": 80,
    "connect": 83,
    "kafka-1": 92,
    "kafka-2": 93,
    "kafka-3": 94,
    "controller-1": 95,
    "controller-2": 96,
    "controller-3": 97,
    "cluster-1": 192,  # the brokers once more, under the names by which pods of tests/cluster know them
    "cluster-2": 193,
    "cluster-3": 194,
    "elasticmq": 324,
    "epmd": 369,
    "prefect": 420,
    "spark": 502,
    "rabbitmq": 672,
    "management": 674,  # RabbitMQ's own page and API
    "erlang": 675,  # where nodes and tools of RabbitMQ talk to each other
}
HIGHEST = 65535 - max(OFFSETS.values())


@dataclass(frozen=True)
class Layout:
    """One copy of the stack.

    Args:
        state: Its folder, absolute; all that it writes is in there.
        base: The first port of the thousand that it takes its ports from.
        nodes: Kafka brokers: 1, which is its own controller, or 3 with 3 controllers.
    """

    state: Path
    base: int
    nodes: int

    @property
    def combined(self) -> bool:
        """Whether the broker is its own controller."""
        return self.nodes == 1

    @property
    def ports(self) -> dict[str, int]:
        """Every port that is listened on, by service."""
        unused = {f"{role}-{n}" for role in ("kafka", "controller", "cluster") for n in range(self.nodes + 1, 4)}
        return {name: self.base + offset for name, offset in OFFSETS.items() if name not in unused}

    @property
    def brokers(self) -> str:
        """The brokers as clients name them."""
        return ",".join(self.address(f"kafka-{n}") for n in range(1, self.nodes + 1))

    @property
    def controllers(self) -> str:
        """The controllers as brokers name them."""
        return ",".join(self.address(f"controller-{n}") for n in range(1, self.nodes + 1))

    @property
    def urls(self) -> dict[str, str]:
        """What a client is given, by service."""
        return {
            "kafka": self.brokers,
            "connect": f"http://{self.address('connect')}",
            "elasticmq": f"http://{self.address('elasticmq')}",
            "telegram": f"http://{self.address('telegram')}",
            "prefect": f"http://{self.address('prefect')}",
            "spark": f"sc://{self.address('spark')}",
            "rabbitmq": f"amqp://{self.address('rabbitmq')}",
            "mongodb": f"mongodb://{self.address('mongodb')}",
        }

    @property
    def logs(self) -> Path:
        """The folder of all logs."""
        return self.state / "logs"

    @property
    def env_file(self) -> Path:
        """The file that tells clients where the services are."""
        return self.state / "stack.env"

    def address(self, service: str) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.ports[service]}"

    def clients(self) -> dict[str, str]:
        """The environment of a client of the stack: what `stack.env` says."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_SQS": self.urls["elasticmq"],
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "CONNECT_STATUS_TOPIC": CONNECT_TOPICS["status"],
            "CONNECT_URL": self.urls["connect"],
            "HEADRACE_DECLARED": str(ROOT / "k8s/base/declared"),
            "KAFKA_BOOTSTRAP_SERVERS": self.urls["kafka"],
            "LAKE_URI": str(self.state / "lake"),
            "MONGODB_HOST": self.address("mongodb"),
            "PREFECT_API_URL": f"{self.urls['prefect']}/api",
            "RABBITMQ_HOST": self.address("rabbitmq"),
            "SPARK_REMOTE": self.urls["spark"],
            "TELEGRAM_BASE_URI": self.urls["telegram"],
            "TELEGRAM_TOKEN": TOKEN,
        }
