"""access.yaml: who may do what, said by what they do rather than by single rights."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from jobs.access.roles import ROLES
from jobs.declared import File, Place, Strict, did_you_mean, read

Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
Reference = Annotated[str, Field(pattern=r"^\$\{(env|file):[^}]+\}$")]
Rate = Annotated[float, Field(gt=0)]


class Quotas(Strict):
    """How much of the brokers a user may take; what is not said is unlimited.

    Args:
        producer_byte_rate: Bytes a second and broker that it may write.
        consumer_byte_rate: Bytes a second and broker that it may read.
        request_percentage: How much of one thread of a broker its requests may take, in percent.
        controller_mutation_rate: Topics and partitions a second that it may make or delete.
    """

    producer_byte_rate: Rate | None = None
    consumer_byte_rate: Rate | None = None
    request_percentage: Rate | None = None
    controller_mutation_rate: Rate | None = None


class User(Strict):
    """One user: what it does, from which follows what it may do.

    Args:
        name: Its name; the principal is `User:NAME`.
        description: Who that is.
        password: Where its password is, never the password: ${env:NAME} or ${file:PATH}. Left out for users that prove
            who they are by a certificate.
        mechanism: How it proves that it knows the password.
        runs: The jobs it runs: "bronze load".
        topics: The topics that these jobs are run on.
        declares: Files of topics that its `topics apply` makes and changes.
        moves: Whether its `topics apply` may change the number of replicas: for that Kafka wants a right which also
            lets it give rights to anyone.
        connectors: Files of connectors that its Connect workers run.
        workers: The group of these workers; their own topics begin with `_connect-`.
        produces: Topics it writes, besides.
        consumes: Topics it reads, besides.
        groups: The consumer groups it reads with, besides.
        quotas: How much it may take.
        state: `absent` takes everything away from it.
    """

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._=,/ -]{1,200}$")]
    description: str = ""
    password: Reference | None = None
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    runs: list[str] = Field(default_factory=list)
    topics: list[Topic] = Field(default_factory=list)
    declares: list[str] = Field(default_factory=list)
    moves: bool = False
    connectors: list[str] = Field(default_factory=list)
    workers: str = ""
    produces: list[Topic] = Field(default_factory=list)
    consumes: list[Topic] = Field(default_factory=list)
    groups: list[Topic] = Field(default_factory=list)
    quotas: Quotas = Quotas()
    state: Literal["present", "absent"] = "present"


class Access(Strict):
    """The whole file."""

    users: list[User]


def load(file: Path) -> File[Access]:
    """Read access.yaml.

    Raises:
        UsageError: It is not there, malformed, holds a literal password, or names a user twice or an unknown job.
    """
    found = read(file, Access)
    problems: list[tuple[Place, str]] = []
    seen: set[str] = set()
    for index, user in enumerate(found.value.users):
        place: Place = ("users", index)
        if user.name in seen:
            problems.append(((*place, "name"), f"user {user.name} is declared twice"))
        seen.add(user.name)
        for job in user.runs:
            if job not in ROLES:
                problems.append(((*place, "runs"), f"no job {job} reads Kafka{did_you_mean(job, set(ROLES))}"))
        if user.connectors and not user.workers:
            problems.append(((*place, "connectors"), "say the group of the workers too (workers: headrace-connect)"))
    found.refuse(problems)
    return found
