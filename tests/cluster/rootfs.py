"""What the official base image and Debian's packages would bring, taken from this machine instead."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from stack import jars, java
from tests.cluster.machine import PATH
from tests.cluster.place import ClusterError

APPLETS = "basename cat chmod cp cut date dirname echo env false find grep head hostname id ls mkdir mktemp mv "
APPLETS += "nproc ps pwd readlink realpath rm sed sh sleep sort tail tar test touch tr true uname wc wget whoami xargs"
LEFT_OUT = (
    "__pycache__",
    "config-*",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tkinter",
)
PASSWD = "root:x:0:0:root:/root:/bin/sh\n"


def interpreter(version: str) -> Path:
    """A CPython of this version, outside any virtual environment.

    Raises:
        ClusterError: This machine has none.
    """
    name = f"python{version}"
    ours = Path(sys.base_prefix, "bin", name)
    found = ours if ours.exists() else shutil.which(name)
    if not found:
        raise ClusterError(f"the images hold Python {version}, and this machine has no {name}: install it")
    said = subprocess.run(
        [found, "-c", "import sys; print(sys.base_prefix)"], check=True, capture_output=True, text=True
    )
    return Path(said.stdout.strip(), "bin", name)


def python_slim(root: Path, version: str) -> None:
    """The base image: CPython in /usr/local, a shell with the usual tools, and the authorities' certificates."""
    program = interpreter(version)
    library = Path("lib", f"python{version}")
    shutil.copytree(
        program.parents[1] / library, root / "usr/local" / library, ignore=shutil.ignore_patterns(*LEFT_OUT)
    )
    (root / "usr/local" / library / "site-packages").mkdir()
    copy(program, root, f"/usr/local/bin/python{version}")
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(f"python{version}")
    shell(root)
    copy(Path("/bin/bash"), root, "/bin/bash")
    copy(Path("/etc/ssl/certs/ca-certificates.crt"), root, "/etc/ssl/certs/ca-certificates.crt")
    (root / "usr/lib/ssl").mkdir(parents=True, exist_ok=True)
    (root / "usr/lib/ssl/certs").symlink_to("/etc/ssl/certs")
    (root / "usr/lib/ssl/cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")
    libraries(root)


def shell(root: Path) -> None:
    """Folders that every image has, and busybox by its many names."""
    for folder in ("bin", "dev", "etc", "proc", "root", "sys", "usr/bin", "var/tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").mkdir(mode=0o1777, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    busybox = shutil.which("busybox", path=PATH)
    assert busybox, "machine.require_packages() comes first"
    copy(Path(busybox), root, "/bin/busybox")
    for applet in APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")
    (root / "usr/bin/env").symlink_to("/bin/busybox")


def useradd(root: Path, name: str, uid: int, home: str) -> None:
    """The user that the container runs as."""
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(f"{PASSWD}{name}:x:{uid}:{uid}::{home}:/usr/sbin/nologin\n")
    (root / "etc/group").write_text(f"root:x:0:\n{name}:x:{uid}:\n")


def pip_install(root: Path, lock: Path, version: str) -> None:
    """The packages of a lock, with the commands they bring."""
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(lock)]
    command += ["--python", str(interpreter(version)), "--prefix", str(root / "usr/local"), "--link-mode", "copy"]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [*command, "--compile-bytecode"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"{lock}: {done.stderr.strip()}")
    for script in (root / "usr/local/bin").iterdir():
        first, newline, rest = script.read_bytes().partition(b"\n")
        if re.match(rb"#!.*python", first):
            script.write_bytes(b"#!/usr/local/bin/python3" + newline + rest)
    libraries(root)


def java_runtime(root: Path) -> None:
    """This machine's Java, where Debian's package would put it.

    Raises:
        ClusterError: It has none, or an older one.
    """
    program = java.java().resolve()
    if java.version(program) < java.WANTED:
        raise ClusterError(f"{program} is older than Java {java.WANTED}: {java.INSTALL}")
    home = root / "usr/lib/jvm/java-17-openjdk-amd64"
    unneeded = shutil.ignore_patterns("demo", "include", "jmods", "legal", "man", "src.zip", "classes*.jsa")
    shutil.copytree(program.parents[1], home, ignore=unneeded, ignore_dangling_symlinks=True)
    (root / "usr/bin").mkdir()
    (root / "usr/bin/java").symlink_to("/usr/lib/jvm/java-17-openjdk-amd64/bin/java")
    libraries(root)


def spark_jars(root: Path) -> None:
    """The locked jars that Spark needs beside its own."""
    jars.fetch()
    shutil.copytree(jars.home() / "spark", root / "opt/jars")


def copy(source: Path, root: Path, target: str) -> None:
    """Copy one file to its place in an image."""
    place = root / target.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, place)


def libraries(root: Path) -> None:
    """Add the shared libraries of this machine that the programs under `root` ask for."""
    binaries = [path for path in root.rglob("*") if not path.is_symlink() and path.is_file() and _is_elf(path)]
    for library in sorted(_linked(binaries)):
        if not library.is_relative_to(root) and not (root / str(library).lstrip("/")).exists():
            copy(library, root, str(library))
    names = {"libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"}  # opened by name, so nothing links to them
    for name in names if any(path.name.startswith("libc.so") for path in root.rglob("libc.so*")) else ():
        for found in Path("/lib").glob(f"*/{name}"):
            copy(found, root, str(found))


def _linked(binaries: Iterable[Path]) -> set[Path]:
    command = ["ldd", *map(str, binaries)]
    said = subprocess.run(command, capture_output=True, text=True, check=False) if len(command) > 1 else None
    return {Path(found) for found in re.findall(r"(/\S+\.so\S*) \(0x", said.stdout if said else "")}


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
