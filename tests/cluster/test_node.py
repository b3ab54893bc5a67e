"""The node leaves nothing behind, however it ends, and starts again after anything."""

import os
import signal
from pathlib import Path

import pytest

from tests.cluster import group, kube, node
from tests.cluster.__main__ import up

pytestmark = pytest.mark.usefixtures("ours")


def traces(state: Path) -> list[str]:
    """Everything of this node that can be seen on the machine."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(state) in line]
    groups = [str(folder) for folder in group.folders() if folder.exists()]
    files = [str(path) for path in state.iterdir() if path.name not in ("logs", ".lock")]
    return mounts + groups + files + [f"process {each}" for each in group.processes()]


def test_ending_it_leaves_nothing(another_node: Path) -> None:
    node.start()
    assert kube.get("nodes")["items"][0]["metadata"]["name"] == "headrace-node"
    assert len(group.processes()) > 8
    node.end()
    assert traces(another_node) == []
    node.end()  # again, with nothing there


def test_it_starts_again_after_its_first_process_was_killed(another_node: Path) -> None:
    node.start()
    kube.kubectl("create", "namespace", "before")
    os.kill(node.init(), signal.SIGKILL)
    assert not node.running()
    node.start()
    assert "before" not in {each["metadata"]["name"] for each in kube.get("namespaces")["items"]}
    node.end()
    assert traces(another_node) == []


def test_starting_it_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    first = node.init()
    up()
    assert node.init() == first
    assert "the cluster runs" in capsys.readouterr().err
