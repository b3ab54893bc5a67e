"""What the environment says of the services that a job needs: one class a service, read when asked."""

import os
from pathlib import Path
from typing import Literal, TypeVar

from dotenv import load_dotenv
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.errors import JobError, UsageError

Settings = TypeVar("Settings", bound=BaseSettings)


class Kafka(BaseSettings):
    """How to reach the brokers; names and values are librdkafka's, with `KAFKA_` before them.

    `SPARK_KAFKA_BOOTSTRAP_SERVERS` is for a Spark server that knows the brokers by other addresses than its clients.
    """

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = Field(validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "BOOTSTRAP_SERVERS"))
    spark_bootstrap_servers: str | None = Field(None, validation_alias="SPARK_KAFKA_BOOTSTRAP_SERVERS")
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None

    def librdkafka(self) -> dict[str, str]:
        """The same settings as librdkafka takes them."""
        plain = self.model_dump(exclude_none=True, exclude={"sasl_password", "spark_bootstrap_servers"})
        if self.sasl_password:
            plain["sasl_password"] = self.sasl_password.get_secret_value()
        return {name.replace("_", "."): str(value) for name, value in plain.items()}

    def spark(self) -> dict[str, str]:
        """The same settings as Spark's Kafka source takes them: the Java client's, after `kafka.`."""
        java = {
            "bootstrap.servers": self.spark_bootstrap_servers or self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.sasl_mechanism and self.sasl_password:
            password = self.sasl_password.get_secret_value()
            java["sasl.mechanism"] = self.sasl_mechanism
            java["sasl.jaas.config"] = (
                "org.apache.kafka.common.security.scram.ScramLoginModule required"
                f' username="{self.sasl_username}" password="{password}";'
            )
        if self.ssl_ca_location:
            java["ssl.truststore.type"] = "PEM"
            java["ssl.truststore.location"] = self.ssl_ca_location
        return {f"kafka.{name}": value for name, value in java.items()}


class Replay(BaseSettings):
    """Where and how fast events are sent, by the names that producers usually read."""

    topic: str = Field("", validation_alias=AliasChoices("KAFKA_TOPIC", "TOPIC"))
    rate: float = Field(0, validation_alias="MSG_RATE")
    burst_prob: float = Field(0, validation_alias="BURST_PROB")
    burst_power: float = Field(1.5, validation_alias="BURST_POWER")


class Connect(BaseSettings):
    """Where Kafka Connect's REST interface is, and the topic in which it keeps states (its `status.storage.topic`)."""

    model_config = SettingsConfigDict(env_prefix="CONNECT_")

    url: str
    status_topic: str = ""


class Lake(BaseSettings):
    """Where the tables are: a folder, or a URI of an object store that Spark can reach."""

    model_config = SettingsConfigDict(env_prefix="LAKE_")

    uri: str


class Keys(BaseSettings):
    """The hashes of the keys of who may ask over HTTP: in a file, in `KEYS_SHA256`, or in both (jobs/keys.py).

    A variable that is set to nothing is not set: an empty path would be a folder.
    """

    model_config = SettingsConfigDict(env_prefix="KEYS_", env_ignore_empty=True)

    file: Path | None = None
    sha256: SecretStr = SecretStr("")


class Oidc(BaseSettings):
    """Whose tokens are believed: those of an OpenID Connect issuer that are meant for an audience.

    Without `OIDC_JWKS_URL` the issuer is asked where its keys are.
    """

    model_config = SettingsConfigDict(env_prefix="OIDC_")

    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""


class RabbitMQ(BaseSettings):
    """How to reach RabbitMQ: `host`, `host:port`, or several of them after commas, of which one that answers is taken.

    A `quorum` queue is kept by most nodes of a cluster; `classic` is for queues that somebody made so.
    """

    model_config = SettingsConfigDict(env_prefix="RABBITMQ_")

    host: str
    username: str = "guest"
    password: SecretStr = SecretStr("guest")
    vhost: str = "/"
    ssl_ca_location: str | None = None
    queue_type: Literal["quorum", "classic"] = "quorum"


class MongoDB(BaseSettings):
    """How to reach MongoDB: `host:port`, several members of a replica set after commas, or a whole `mongodb://` URI."""

    model_config = SettingsConfigDict(env_prefix="MONGODB_")

    host: str
    username: str | None = None
    password: SecretStr | None = None
    database: str = "headrace"


class Spark(BaseSettings):
    """Which Spark does the work: a Spark Connect server (`SPARK_REMOTE`), or a driver of our own.

    With `SPARK_MASTER=k8s://https://kubernetes.default.svc` the driver is the job's pod, which starts executor pods of
    `SPARK_IMAGE`; what is called `driver` and `namespace` the pod knows from Kubernetes (workflows/step.py).
    `SPARK_OPTIONS` is a JSON object of Spark's own options, such as those of an object store.
    """

    model_config = SettingsConfigDict(env_prefix="SPARK_")

    remote: str | None = None
    master: str = "local[*]"
    jars: Path | None = None
    options: dict[str, str] = {}
    image: str = ""
    namespace: str = ""
    driver_host: str = ""
    driver_pod: str = ""
    driver_memory: str = "512m"
    executors: int = 2
    executor_cores: int = 1
    executor_memory: str = "1g"
    executor_template: Path = Path("/opt/executor.yaml")


def load(settings: type[Settings]) -> Settings:
    """Read one service's settings from the environment.

    Raises:
        JobError: A variable is missing.
        UsageError: A variable has a value that it cannot have.
    """
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        wrong = "; ".join(
            f"{str(each['loc'][0]).removeprefix(prefix) and _variable(prefix, str(each['loc'][0]))}: "
            f"{'is not set' if each['type'] == 'missing' else each['msg']}"
            for each in error.errors()
        )
        if all(each["type"] != "missing" for each in error.errors()):
            raise UsageError(f"the environment has a value that cannot be: {wrong}", hint="env | sort") from error
        raise JobError(
            f"the environment does not say how to reach {settings.__name__}: {wrong}",
            hint="make up (on this machine), or set the variable",
        ) from error


def _variable(prefix: str, location: str) -> str:
    return location if location.startswith(prefix) else f"{prefix}{location}".upper()


def load_dotenv_file() -> None:
    """Let the stack of this folder, if there is one, say what the environment does not."""
    load_dotenv(Path(os.environ.get("HEADRACE_STATE", ".state"), "stack.env"), override=False)
    if not os.environ.get("SPARK_REMOTE"):  # empty means a driver of our own; pyspark would take it for a server
        os.environ.pop("SPARK_REMOTE", None)
