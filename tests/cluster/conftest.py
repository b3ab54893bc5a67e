"""These tests need the cluster: they run when they are asked for, or when it costs little because it is built."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import build, kube, node, services
from tests.cluster.__main__ import down, up
from tests.cluster.kube import apply_objects
from tests.cluster.place import foreign
from tests.services.copies import Copy, free_port

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cluster: needs a real Kubernetes (CLUSTER=1, or a warm cache)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    asked = os.environ.get("CLUSTER") == "1"
    reason = "" if asked or (build.warm() and os.geteuid() == 0) else "not asked for: CLUSTER=1, or make cluster-build"
    if os.environ.get("CLUSTER") == "0":
        reason = "CLUSTER=0"
    for item in ours:
        item.add_marker(pytest.mark.cluster)
        item.add_marker(pytest.mark.timeout(900, func_only=True))  # the first build is nobody's time
        if reason:
            item.add_marker(pytest.mark.skip(reason=f"cluster tier: {reason}"))


@pytest.fixture(scope="package")
def cluster() -> Iterator[None]:
    """The cluster of this checkout, or the one that `KUBECONFIG` names; ended only by who started it."""
    if foreign() or node.running():
        yield
        return
    up()
    yield
    down()


@pytest.fixture
def ours(cluster: None) -> None:  # noqa: ARG001 - it comes first
    """For what only our own node can do."""
    if foreign():
        pytest.skip("KUBECONFIG names another cluster, and this test is of our own node")


@pytest.fixture(scope="package")
def carried(cluster: None, stack: Copy) -> Iterator[Copy]:  # noqa: ARG001 - it comes first
    """The tests' own stack, reached from pods under the names and with the Secrets that jobs expect."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADRACE_STACK", str(stack.state))
        _offer_all()
        yield stack
    _offer_all()


def _offer_all() -> None:
    node.offer(services.offered())
    apply_objects(*services.objects(services.offered()), *services.secrets())


class Offer:
    """Ports of the host's loopback that a test shows to the cluster."""

    def __init__(self) -> None:
        self.services = services.offered()

    def __call__(self, name: str, port: int) -> str:
        """The address at which pods find it."""
        self.services[name] = port
        node.offer(self.services)
        apply_objects(*services.objects({name: port}))
        address = kube.get("service", name, "-n", "stack")["spec"]["clusterIP"]
        knock = node.inside("socat", "-u", "OPEN:/dev/null", f"TCP:{address}:{port}")
        give_up = time.monotonic() + 30
        while subprocess.run(knock, capture_output=True, check=False).returncode:
            assert time.monotonic() < give_up, f"{name} at {address}:{port} can't be reached from inside the node"
            time.sleep(0.1)
        return f"{name}.stack.svc:{port}"


@pytest.fixture
def offer(ours: None) -> Iterator[Offer]:  # noqa: ARG001 - it comes first
    """Show services to the cluster for as long as a test runs."""
    yield Offer()
    node.offer(services.offered())


@pytest.fixture
def another_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Room for a second node beside the first: its own port and state."""
    build.build()
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HEADRACE_STATE", str(tmp_path))
    monkeypatch.setenv("HEADRACE_CLUSTER_PORT", str(free_port()))
    yield tmp_path / "cluster"
    node.end()
