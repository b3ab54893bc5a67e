"""Make images/*/requirements.lock anew: what each image adds, at the versions of the root's requirements.lock."""

import shutil
import subprocess
import tempfile
from pathlib import Path

IMAGES = Path(__file__).parent
ROOT = IMAGES.parent
PYTHON = "3.11"
UV = shutil.which("uv") or str(ROOT / ".cache/uv/bin/uv")  # what setup fetches where there is none


def lock(image: str) -> str:
    """The lock of one image, whose dependency group bears its name."""
    declared, _, _ = (ROOT / "pyproject.toml").read_text().partition("[tool.uv]")  # else uv won't read its groups
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(declared)
        command = [UV, "pip", "compile", "--quiet", "pyproject.toml", "--group", image]
        command += ["--constraints", str(ROOT / "requirements.lock"), "--python-version", PYTHON]
        command += ["--python-platform", "x86_64-manylinux_2_28", "--generate-hashes"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    for dockerfile in sorted(IMAGES.glob("*/Dockerfile")):
        (dockerfile.parent / "requirements.lock").write_text(lock(dockerfile.parent.name))
