"""Layers of images, kept in the cache by what they are made of, and the archive that containerd imports."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.cluster.place import cache

EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Layer:
    """A tar file in the cache."""

    key: str

    @property
    def path(self) -> Path:
        return cache() / "layers" / f"{self.key}.tar"

    @property
    def digest(self) -> str:
        return self.path.with_suffix(".sha256").read_text()


@dataclass(frozen=True)
class Image:
    """What a container runtime needs to know."""

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    user: str = ""
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def config(self) -> bytes:
        """The image's configuration, which is also its identity."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        machine = os.uname().machine
        return json.dumps(
            {
                "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
                "os": "linux",
                "created": EPOCH,
                "config": {
                    "Env": [f"{name}={value}" for name, value in {"PATH": path, **self.environment}.items()],
                    "Entrypoint": list(self.entrypoint),
                    "User": self.user,
                    "WorkingDir": self.workdir,
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
                "history": [{"created": EPOCH} for _ in self.layers],
            }
        ).encode()


def layer(made_of: Iterable[object], fill: Callable[[Path], None]) -> Layer:
    """The layer of these ingredients, from the cache or made now.

    Args:
        made_of: Everything that decides what is in it.
        fill: Writes its files into an empty folder.
    """
    key = hashlib.sha256(json.dumps([str(each) for each in made_of]).encode()).hexdigest()[:20]
    made = Layer(key)
    if made.path.exists():
        return made
    folder = made.path.with_suffix(".root")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fill(folder)
    unfinished = made.path.with_suffix(".part")
    with tarfile.open(unfinished, "w", format=tarfile.GNU_FORMAT) as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, entry.name, filter=_as_root)
    with unfinished.open("rb") as file:
        made.path.with_suffix(".sha256").write_text(hashlib.file_digest(file, "sha256").hexdigest())
    unfinished.rename(made.path)
    shutil.rmtree(folder)
    return made


def archive(images: Iterable[Image], out: IO[bytes]) -> None:
    """Write images as one `docker save` archive; a layer they share is written once."""
    manifest: list[dict[str, Any]] = []
    layers: dict[str, Layer] = {}
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for image in images:
            config = f"{hashlib.sha256(image.config).hexdigest()}.json"
            _add(tar, config, image.config)
            names = {f"{each.digest}/layer.tar": each for each in image.layers}
            layers.update(names)
            manifest.append({"Config": config, "RepoTags": [image.name], "Layers": list(names)})
        for name, each in layers.items():
            tar.add(each.path, name)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def content(path: Path) -> str:
    """A digest of a file, or of every file below a folder that `.dockerignore` leaves in."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    digest = hashlib.sha256()
    for file in files:
        if "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(path)} {file.stat().st_mode:o}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
