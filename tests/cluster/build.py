"""Kubernetes, Argo and CoreDNS from their published modules, built once into the cache."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from stack.show import say
from tests.cluster.machine import require_go
from tests.cluster.place import HERE, ClusterError, cache, locked

ARGO = "github.com/argoproj/argo-workflows/v3"
COMPONENT = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Module:
    """A folder of go/: what it is pinned to, and the programs that are built from it."""

    name: str
    pin: str
    programs: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def source(self) -> Path:
        return HERE / "go" / self.name

    @property
    def version(self) -> str:
        """What go.mod pins, such as `v1.34.4`."""
        pinned = re.search(rf"^(?:require)?\s*{re.escape(self.pin)} (\S+)", (self.source / "go.mod").read_text(), re.M)
        assert pinned, f"{self.source}/go.mod does not require {self.pin}"
        return pinned[1]

    @property
    def key(self) -> str:
        """Changes when anything does that the programs are made of."""
        made_of = sorted(path for path in self.source.rglob("*") if path.is_file())
        content = b"".join(f"{path.relative_to(self.source)}\n".encode() + path.read_bytes() for path in made_of)
        return f"{self.name}-{self.version}-{hashlib.sha256(content).hexdigest()[:12]}"

    @property
    def folder(self) -> Path:
        """Where the programs are once they are built."""
        return cache() / "bin" / self.key

    @property
    def built(self) -> bool:
        return all((self.folder / program).exists() for program in self.programs)

    def package(self, program: str) -> str:
        """The main package of a program: the folder itself unless it comes with the pinned module."""
        return f"{self.pin}/cmd/{program}" if self.name == "argo" else "."

    @property
    def ldflags(self) -> str:
        values = {name: value.format(version=self.version) for name, value in self.variables.items()}
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in values.items())])


KUBE = Module(
    "kube",
    "k8s.io/kubernetes",
    ("kube",),
    {
        f"{COMPONENT}.gitVersion": "{version}",
        f"{COMPONENT}.gitMajor": "1",
        f"{COMPONENT}.gitMinor": "34",
        "k8s.io/client-go/pkg/version.gitVersion": "{version}",
    },
)
ARGO_MODULE = Module(
    "argo",
    ARGO,
    ("workflow-controller", "argoexec", "argo"),
    {f"{ARGO}.version": "{version}", f"{ARGO}.gitTag": "{version}", f"{ARGO}.gitTreeState": "clean"},
)
COREDNS = Module("coredns", "github.com/coredns/coredns", ("coredns",))
MODULES = (KUBE, ARGO_MODULE, COREDNS)


def program(name: str) -> Path:
    """A program that was built.

    Raises:
        ClusterError: It was not.
    """
    for module in MODULES:
        if name in module.programs and (module.folder / name).exists():
            return module.folder / name
    raise ClusterError(f"{name} is not built for this checkout: make cluster-build")


def warm() -> bool:
    """Whether there is nothing left to build."""
    return all(module.built for module in MODULES)


def build() -> None:
    """Build what lacks; what an earlier try compiled is used again.

    Raises:
        ClusterError: The compiler lacks, or did not succeed.
    """
    if warm():
        return
    require_go()
    with locked(cache()):
        shutil.rmtree(cache() / "tmp", ignore_errors=True)  # a killed compiler leaves gigabytes there
        for module in MODULES:
            if not module.built:
                _build(module)


def argo_source() -> Path:
    """The writable copy of Argo's module that its programs are built from; it holds the manifests too."""
    return cache() / "src" / ARGO_MODULE.key / "argo-workflows"


def _build(module: Module) -> None:
    source = cache() / "src" / module.key
    source.mkdir(parents=True, exist_ok=True)
    shutil.copytree(module.source, source, dirs_exist_ok=True)
    if module is ARGO_MODULE:
        _copy_argo(source)
    module.folder.mkdir(parents=True, exist_ok=True)
    for name in module.programs:
        if not (module.folder / name).exists():
            _compile(module, name, source)


def _compile(module: Module, name: str, source: Path) -> None:
    say(f"building {name} {module.version} in {cache()}")
    began = told = time.monotonic()
    unfinished = module.folder / f".{name}.part"
    command = ["go", "build", "-v", "-trimpath", f"-ldflags={module.ldflags}", "-o", str(unfinished)]
    command += [f"-p={os.environ.get('HEADRACE_BUILD_JOBS', os.cpu_count())}", module.package(name)]
    story: list[str] = []
    with subprocess.Popen(
        ["nice", "-n", "10", *command], cwd=source, env=_environment(), stderr=subprocess.PIPE, text=True
    ) as compiler:
        assert compiler.stderr
        for line in compiler.stderr:
            story.append(line)
            if time.monotonic() - told >= 10:
                told = time.monotonic()
                say(f"  {name}: {len(story)} packages, {told - began:.0f} s")
    if compiler.returncode:
        raise ClusterError(f"{name} did not build:\n{''.join(story[-20:])}")
    unfinished.rename(module.folder / name)
    say(f"built {name} in {time.monotonic() - began:.0f} s ({len(story)} packages compiled)")


def _copy_argo(source: Path) -> None:
    """The published module lacks two files, and a module in Go's own cache can't be added to."""
    if argo_source().exists():
        return
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"{ARGO}@{ARGO_MODULE.version}"],
        cwd=cache(),
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    unfinished = source / "argo-workflows.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(json.loads(answer.stdout)["Dir"], unfinished)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    shutil.copy(source / "osspecific/signal_linux.go", unfinished / "workflow/executor/osspecific")
    page = unfinished / "ui/dist/app/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("The published module has no user interface.\n")
    unfinished.rename(argo_source())


def _environment() -> dict[str, str]:
    """Go's caches beside ours, so that one folder holds, and can delete, all there is."""
    folders = {"GOMODCACHE": "gomod", "GOCACHE": "gobuild", "GOTMPDIR": "tmp"}
    for folder in folders.values():
        (cache() / folder).mkdir(parents=True, exist_ok=True)
    return (
        os.environ
        | {name: str(cache() / folder) for name, folder in folders.items()}
        | {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-buildvcs=false -modcacherw",
            "GOTOOLCHAIN": "local",
        }
    )
