"""topics.yaml: the topics that should exist."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from jobs.declared import File, Place, Strict, read


def _text(value: object) -> object:
    """Kafka's settings are text: true is "true", a list is joined by commas."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType] # YAML's own
    return value


Setting = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
Count = Annotated[int, Field(ge=1)]


class Topic(Strict):
    """One topic as declared; what is None is left to the broker's default.

    Args:
        name: Its name, up to 249 of a-z A-Z 0-9 . _ -
        partitions: How many. They can grow, never shrink.
        replication_factor: How many brokers hold each record.
        configs: Settings of the topic; one that is not here is unset on the topic.
        owner: Who to ask about it.
        protected: Refuse a change that can lose records (shorter retention, another clean-up policy).
        description: What is on it.
    """

    name: Name
    partitions: Count | None = None
    replication_factor: Count | None = None
    configs: dict[str, Setting] = Field(default_factory=dict)
    owner: str = ""
    protected: bool = False
    description: str = ""


class Defaults(Strict):
    """What a topic of this file has unless it says otherwise."""

    partitions: Count | None = None
    replication_factor: Count | None = None
    configs: dict[str, Setting] = Field(default_factory=dict)
    owner: str = ""
    protected: bool = False


class Topics(Strict):
    """The whole file."""

    defaults: Defaults = Defaults()
    topics: list[Topic]

    def resolved(self) -> dict[str, Topic]:
        """Each topic by name, with the defaults filled in."""
        defaults = self.defaults.model_dump()
        return {
            topic.name: Topic.model_validate(
                defaults | topic.model_dump(exclude_unset=True) | {"configs": self.defaults.configs | topic.configs}
            )
            for topic in self.topics
        }


def load(file: Path) -> File[Topics]:
    """Read topics.yaml.

    Raises:
        UsageError: It is not there, or malformed, or names a topic twice.
    """
    found = read(file, Topics)
    first: dict[str, int] = {}
    problems: list[tuple[Place, str]] = []
    for index, topic in enumerate(found.value.topics):
        if topic.name in first:
            before = found.where("topics", first[topic.name], "name")
            problems.append((("topics", index, "name"), f"{topic.name} is declared at {before} already"))
        first.setdefault(topic.name, index)
    found.refuse(problems)
    return found
