"""The Java that the JVM parts run on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from jobs.errors import JobError

WANTED = 17  # Spark 4 refuses older ones
INSTALL = "apt-get install openjdk-17-jre-headless (Debian, Ubuntu), brew install openjdk@17 (macOS)"


def java() -> Path:
    """The `java` that runs the stack: that of JAVA_HOME, else the one on PATH.

    Raises:
        JobError: There is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    if not found:
        where = f"JAVA_HOME={home} holds no bin/java" if home else "no java on PATH"
        raise JobError(f"{where}; Java {WANTED} or newer is needed", hint=INSTALL)
    return Path(found)


def version(path: Path) -> int:
    """Its major version, 0 when it says none."""
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=60)
    return major(said.stderr)


def major(text: str) -> int:
    """The major version in what `java -version` prints: 8 for `1.8.0_392`, 17 for `17.0.15`."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0
