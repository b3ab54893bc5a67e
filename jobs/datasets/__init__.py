"""Schema and rules of each kind of event: functions from DataFrame to DataFrame, without I/O."""

from importlib import import_module
from typing import Literal, Protocol, cast

from pyspark.sql import DataFrame

Name = Literal["messages"]


class Dataset(Protocol):
    """What a module of this package offers."""

    KEY: tuple[str, ...]
    """The columns of silver that tell two events apart."""

    PERIOD: str
    """The column, in silver and gold, by which gold is built anew."""

    def parse(self, bronze: DataFrame) -> DataFrame:
        """The columns of silver, and `reason`: why the record is none, or null."""
        ...

    def build(self, silver: DataFrame) -> DataFrame:
        """The rows of gold for whole periods of silver."""
        ...


def named(name: Name) -> Dataset:
    """The dataset of that name."""
    return cast(Dataset, import_module(f"jobs.datasets.{name}"))
