"""`python -m tests.cluster up`: a real one-node Kubernetes with Argo Workflows on this machine, without Docker."""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from cyclopts import App

from stack.show import say
from tests.cluster import build, group, images, kube, machine, memory, node, system
from tests.cluster.place import ClusterError, cache, kubeconfig, locked, port, state

T = TypeVar("T")

app = App(name="python -m tests.cluster", help=__doc__, result_action="return_value")


@app.command(name="build")
def build_() -> None:
    """Install what lacks, and build Kubernetes, Argo, CoreDNS and the images into the cache."""
    machine.require_packages()
    timed(f"programs in {cache()}", build.build)
    timed("images of the cluster", images.system)
    for name in images.names():
        timed(f"image {images.tag(name)}", partial(images.project, name))
    timed("definitions of Argo", system.definitions)


@app.command
def up() -> None:
    """Start the cluster, unless it runs; build first what lacks."""
    machine.require_root()
    with locked(state()):
        if node.running():
            say(f"the cluster runs: export KUBECONFIG={state() / 'kubeconfig'}")
            return
        build_()
        began = time.monotonic()
        timed("node", node.start)
        with ThreadPoolExecutor() as pool:
            timed("images of the cluster", lambda: images.load(images.system()))
            loading = pool.submit(timed, "images of the project", load)
            timed("names", system.install_names)
            timed("argo", system.install_argo)
            timed("headrace", system.install_headrace)
            timed("ready", system.await_ready)
            loading.result()
    say(f"the cluster is up in {time.monotonic() - began:.1f} s: export KUBECONFIG={state() / 'kubeconfig'}")


@app.command
def down() -> None:
    """End the cluster and remove all that is left of it but its logs; harmless when there is none."""
    machine.require_root()
    with locked(state()):
        node.end()
    say(f"no process, mount or control group of {group.name()} is left; logs: {state() / 'logs'}")


@app.command
def status() -> int:
    """Say what runs, how much memory it takes, and where it can be reached."""
    if not node.running():
        left = len(group.processes())
        say(f"no cluster answers at port {port()}; processes left: {left}" + (" (make cluster-down)" if left else ""))
        return 1
    listed = kube.kubectl("get", "nodes,deployments,pods", "--all-namespaces", "--output=wide")
    sizes = "".join(f"{size:7.0f} MiB  {name}\n" for name, size in memory.by_program().items())
    sys.stdout.write(f"{listed}{sizes}export KUBECONFIG={kubeconfig()}\n")
    return 0


@app.command(name="images")
def load() -> None:
    """Make the project's images anew where something changed, and hand them to the running cluster."""
    images.load([images.project(name) for name in images.names()])


def timed(what: str, work: Callable[[], T]) -> T:
    """Do the work, and say how long it took."""
    began = time.monotonic()
    done = work()
    say(f"{time.monotonic() - began:6.1f} s  {what}")
    return done


if __name__ == "__main__":
    os.environ.pop("KUBECONFIG", None)  # these commands are of our own cluster and must never touch another
    try:
        sys.exit(app())
    except ClusterError as error:
        say(f"cluster: {error}")
        sys.exit(1)
