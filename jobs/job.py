"""The one declaration of a step, which the command line, Argo and Prefect all read."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, getdoc, signature
from typing import Generic, ParamSpec, TypeVar, get_type_hints

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Job(Generic[P, R]):
    """A typed function, and what a scheduler must know in order to run it."""

    run: Callable[P, R]
    image: str
    cpu: str
    memory: str
    retries: int
    minutes: int
    needs: tuple[str, ...]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work, here and now."""
        return self.run(*args, **kwargs)

    @property
    def noun(self) -> str:
        """The module it is in: `topics`."""
        return self.run.__module__.rpartition(".")[2]

    @property
    def verb(self) -> str:
        """The function it is: `apply`."""
        return self.run.__name__

    @property
    def name(self) -> str:
        """Noun and verb: `topics-apply`."""
        return f"{self.noun}-{self.verb}"

    @property
    def command(self) -> list[str]:
        """Its command line, without options: `headrace topics apply`."""
        return ["headrace", self.noun, self.verb]

    @property
    def options(self) -> dict[str, Parameter]:
        """Its parameters, which mean the same wherever it is run."""
        known = signature(self.run, eval_str=True).parameters
        types = get_type_hints(self.run)  # without what is for the command line alone, such as a short name
        return {name: option.replace(annotation=types[name]) for name, option in known.items()}

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (getdoc(self.run) or "").partition("\n")[0]


def job(
    image: str,
    *,
    cpu: str = "250m",
    memory: str = "256Mi",
    retries: int = 0,
    minutes: int = 15,
    needs: tuple[str, ...] = (),
) -> Callable[[Callable[P, R]], Job[P, R]]:
    """Declare a function as a job; it stays callable, typed and testable.

    Args:
        image: The folder of `images/` that it runs in.
        cpu: What it asks of a node, as Kubernetes writes it.
        memory: What it may not exceed, as Kubernetes writes it.
        retries: How often to try again.
        minutes: How long one try may take.
        needs: The services whose settings it reads; each is also the name of a Secret.
    """

    def declare(run: Callable[P, R]) -> Job[P, R]:
        return Job(run, image, cpu, memory, retries, minutes, needs)

    return declare


def flag(option: str) -> str:
    """How an option is written on the command line: `min_brokers` -> `--min-brokers`."""
    return f"--{option.replace('_', '-')}"
