"""The real services, started once for all tests that need them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

from tests.services.brokers import Brokers
from tests.services.copies import Copy

# The same examples each time, and no clock: what fails here fails everywhere.
settings.register_profile("headrace", derandomize=True, deadline=None)
settings.load_profile("headrace")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A stack of the tests' own, on ports from HEADRACE_TEST_PORTS on, or the one that HEADRACE_TEST_STATE names."""
    if given := os.environ.get("HEADRACE_TEST_STATE"):
        state = Path(given).absolute()
        yield Copy(state, json.loads((state / "stack.json").read_text())["ports"])
        return
    copy = Copy(tmp_path_factory.mktemp("stack"), int(os.environ.get("HEADRACE_TEST_PORTS", "31000")))
    began = copy.make("up")
    try:
        assert began.returncode == 0, began.stderr
        yield copy
    finally:
        ended = copy.make("down")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def prefect(stack: Copy) -> Iterator[httpx.Client]:
    """The stack's Prefect."""
    from tests.services import prefects

    with prefects.client(stack) as client:
        yield client


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """Three brokers and three controllers of the tests' own; whoever ends one starts it again."""
    three = Brokers(tmp_path_factory.mktemp("three"), 27000, 3)
    try:
        three.up()
        yield three
    finally:
        three.down()
