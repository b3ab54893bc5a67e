"""Schema and rules of each kind of event: functions from DataFrame to DataFrame, without I/O."""

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:  # generators of events live here too, and run where there is no Spark
    from pyspark.sql import DataFrame

Name = Literal["messages", "vehicles", "connections", "transactions"]


class Dataset(Protocol):
    """What a module of this package offers."""

    KEY: tuple[str, ...]
    """The columns of silver that tell two events apart."""

    PERIOD: str
    """The column, in silver and gold, by which gold is built anew."""

    TOTAL: str
    """The column of gold that counts the events of silver."""

    def parse(self, bronze: "DataFrame") -> "DataFrame":
        """The columns of silver, and `reason`: why the record is none, or null."""
        ...

    def build(self, silver: "DataFrame") -> "DataFrame":
        """The rows of gold for whole periods of silver."""
        ...


def named(name: Name) -> Dataset:
    """The dataset of that name."""
    return cast(Dataset, import_module(f"jobs.datasets.{name}"))
