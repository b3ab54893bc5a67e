"""Images without a registry: made from the very Dockerfiles that users build, and handed to containerd."""

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.cluster import build, node, rootfs
from tests.cluster.dockerfile import Dockerfile, Instruction, read
from tests.cluster.layers import Image, Layer, archive, content, layer
from tests.cluster.place import HERE, ROOT, ClusterError

Fill = Callable[[Path], None]

USERADD = re.compile(r"useradd --uid (\d+) --no-create-home --home-dir (\S+) --shell /usr/sbin/nologin (\w+)")
PIP = re.compile(r"pip install --no-cache-dir --no-deps --require-hashes -r (\S+)")
APT_JAVA = re.compile(r"apt-get update && apt-get install .*openjdk-17-jre-headless && rm -rf .*")
JARS = re.compile(r"cd /app && .*python -m stack\.jars && mv \S+/spark /opt/jars && .*")


def names() -> list[str]:
    """The project's images: one a folder that has a Dockerfile."""
    return sorted(path.parent.name for path in ROOT.glob("images/*/Dockerfile"))


def tag(name: str) -> str:
    """What the cluster calls an image of the project. Never `latest`, which a kubelet would try to pull."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return f"headrace/{name}:{version}"


def project(name: str) -> Image:
    """One image of the project, made from its Dockerfile.

    Raises:
        ClusterError: The Dockerfile says something that this tier cannot do.
    """
    source = read(ROOT / "images" / name / "Dockerfile")
    base = layer(
        ["python", source.python, rootfs.interpreter(source.python), content(HERE / "rootfs.py")],
        lambda root: rootfs.python_slim(root, source.python),
    )
    made = [base]
    for instruction in source.instructions:
        if instruction.verb in ("COPY", "RUN"):
            made.append(_layer(source, instruction, made[-1]))
    entrypoint, user, workdir = (source.last(verb) for verb in ("ENTRYPOINT", "USER", "WORKDIR"))
    return Image(
        tag(name),
        tuple(made),
        tuple(entrypoint.words) if entrypoint else (),
        user.rest if user else "",
        workdir.rest if workdir else "/",
        source.environment,
    )


def _layer(source: Dockerfile, instruction: Instruction, below: Layer) -> Layer:
    if instruction.verb == "COPY":
        origin, target = instruction.words
        path = ROOT / origin
        return layer(["copy", target, content(path)], lambda root: _copy(path, root / target.lstrip("/")))
    fill, made_of = _command(source, instruction.rest)
    return layer(["run", instruction.rest, below.key, *made_of, content(HERE / "rootfs.py")], fill)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True)
        shutil.copy2(source, target)


def _command(source: Dockerfile, command: str) -> tuple[Fill, list[str]]:
    """How this tier does what a RUN line says, and what the outcome depends on."""
    if found := USERADD.fullmatch(command):
        uid, home, name = found.groups()
        return lambda root: rootfs.useradd(root, name, int(uid), home), []
    if found := PIP.fullmatch(command):
        lock = _origin(source, found[1])
        return lambda root: rootfs.pip_install(root, lock, source.python), [content(lock)]
    if APT_JAVA.fullmatch(command):
        return rootfs.java_runtime, []
    if JARS.fullmatch(command):
        return rootfs.spark_jars, [content(ROOT / "stack/jars.lock")]
    raise ClusterError(f"{source.path}: the cluster tier has no way to do: RUN {shlex.quote(command)}")


def _origin(source: Dockerfile, target: str) -> Path:
    """The file of the checkout that an earlier COPY put there."""
    for instruction in source.instructions:
        if instruction.verb == "COPY" and instruction.words[1] == target:
            return ROOT / instruction.words[0]
    raise ClusterError(f"{source.path}: nothing is copied to {target}")


def system() -> list[Image]:
    """The images of the cluster itself."""
    shell = layer(["shell", content(HERE / "rootfs.py")], rootfs.shell)
    return [
        Image("headrace/pause:1", (shell,), ("/bin/busybox", "sleep", "infinity"), "65535:65535"),
        Image("headrace/busybox:1", (shell,), (), "65534:65534"),
        _single(build.ARGO_MODULE, "argoexec", shell),
        _single(build.ARGO_MODULE, "workflow-controller", shell),
        _single(build.COREDNS, "coredns", shell),
    ]


def _single(module: build.Module, program: str, below: Layer) -> Image:
    """An image of one static program."""
    own = layer(
        ["program", module.key, program],
        lambda root: rootfs.copy(build.program(program), root, f"/bin/{program}"),
    )
    return Image(f"headrace/{program}:{module.version}", (below, own), (program,), "8737:8737")


def load(images: list[Image]) -> None:
    """Hand images to the node's containerd.

    Raises:
        ClusterError: It would not take them.
    """
    command = node.inside("ctr", "--namespace", "k8s.io", "images", "import", "--no-unpack", "-")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as ctr:
        assert ctr.stdin
        assert ctr.stderr
        try:
            archive(images, ctr.stdin)
            ctr.stdin.close()
        except BrokenPipeError:
            pass  # what it says on stderr is the reason
        story = ctr.stderr.read().decode()
    if ctr.returncode:
        raise ClusterError(f"containerd took no images: {story.strip()}")
