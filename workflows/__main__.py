"""Write every workflow as the manifest that is deployed: `python -m workflows`."""

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import yaml
from hera.workflows import CronWorkflow, WorkflowTemplate

import workflows
from workflows.step import declared_files

BASE = Path(__file__).parents[1] / "k8s/base"
MANIFESTS = BASE / "workflows"


class Plain(yaml.SafeDumper):
    """Says what occurs twice twice, as people write it."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Nothing is an alias."""
        return True


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


def services() -> dict[str, str]:
    """The manifests of what goes on beside the workflows of a pipeline, by their path below k8s/base."""
    return {
        f"{module.__name__.rpartition('.')[2]}/{name}.yaml": yaml.dump_all(manifests, Dumper=Plain, sort_keys=False)
        for module in _modules()
        for name, manifests in getattr(module, "services", {}).items()
    }


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
    for path, manifest in services().items():
        (BASE / path).parent.mkdir(exist_ok=True)
        (BASE / path).write_text(manifest)
