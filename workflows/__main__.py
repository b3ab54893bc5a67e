"""Write every workflow as the manifest that is deployed: `python -m workflows`."""

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

from hera.workflows import CronWorkflow, WorkflowTemplate

import workflows
from workflows.step import declared_files

MANIFESTS = Path(__file__).parents[1] / "k8s/base/workflows"


def templates() -> dict[str, WorkflowTemplate]:
    """Every pipeline by its name."""
    found = (getattr(module, "workflow", None) for module in _modules())
    return {str(each.name): each for each in found if isinstance(each, WorkflowTemplate)}


def rendered() -> dict[str, str]:
    """The manifests by file name, as Hera renders them."""
    manifests = {f"{name}.yaml": each.to_yaml() for name, each in templates().items()}
    for module in _modules():
        if isinstance(cron := getattr(module, "schedule", None), CronWorkflow):
            manifests[f"{cron.name}-cron.yaml"] = cron.to_yaml()
    return manifests


def declared() -> dict[str, list[str]]:
    """The files of declared state of each pipeline, which its pods find in /etc/headrace."""
    return {name: files for name in templates() if (files := declared_files(name))}


def _modules() -> list[ModuleType]:
    return [
        import_module(f"workflows.{found.name}")
        for found in pkgutil.iter_modules(workflows.__path__)
        if not found.name.startswith("_")
    ]


if __name__ == "__main__":
    MANIFESTS.mkdir(parents=True, exist_ok=True)
    for name, manifest in rendered().items():
        (MANIFESTS / name).write_text(manifest)
