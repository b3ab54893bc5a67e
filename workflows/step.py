"""A job as an Argo task, and the frame that every workflow stands in."""

import inspect
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from hera.workflows import (
    Container,
    CronWorkflow,
    Env,
    FieldEnv,
    Parameter,
    Resources,
    RetryStrategy,
    SecretEnvFrom,
    Task,
    WorkflowTemplate,
)
from hera.workflows import models as argo

from jobs import runs
from jobs.errors import VERDICTS
from jobs.job import Job, flag

DECLARED = Path(__file__).parents[1] / "k8s/base/declared"
DAY = 24 * 60 * 60
POD = {  # what a Spark driver must know of its own pod
    "SPARK_DRIVER_HOST": "status.podIP",
    "SPARK_DRIVER_POD": "metadata.name",
    "SPARK_NAMESPACE": "metadata.namespace",
}

POD_SECURITY = argo.PodSecurityContext(
    run_as_non_root=True,
    run_as_user=10001,
    run_as_group=10001,
    fs_group=10001,
    seccomp_profile=argo.SeccompProfile(type="RuntimeDefault"),
)
SECURITY = argo.SecurityContext(
    run_as_non_root=True,
    read_only_root_filesystem=True,
    allow_privilege_escalation=False,
    capabilities=argo.Capabilities(drop=["ALL"]),
)
"""What the restricted Pod Security Standard asks of every container."""


def step(job: Job[..., Any], name: str = "", **arguments: str | float) -> Task:
    """Run `job` at this place of the DAG.

    Raises:
        TypeError: The job has no option of that name.
    """
    inspect.signature(job.run).bind_partial(**arguments)
    return Task(name=name or job.name, template=template(job), arguments=arguments)


def chain(*tasks: Task) -> None:
    """Run the tasks one after the other."""
    for before, after in pairwise(tasks):
        before.next(after)


def labels(needs: Iterable[str]) -> dict[str, str]:
    """What a pod bears that needs these services: who may talk to whom follows from it (workflows/network.py)."""
    return {f"needs/{each}": "true" for each in needs}


def declared_files(name: str) -> list[str]:
    """The declared state of a pipeline, by file name."""
    return sorted(path.name for path in (DECLARED / name).glob("*.yaml"))


def pipeline(name: str, arguments: list[Parameter]) -> WorkflowTemplate:
    """The template of a whole pipeline: its DAG is called `main`, and its end is reported."""
    report = container(
        runs.report,
        workflow="{{workflow.name}}",
        status="{{workflow.status}}",
        failures="{{workflow.failures}}",
    )
    return WorkflowTemplate(
        name=name,
        entrypoint="main",
        arguments=arguments,
        on_exit=report,
        templates=[report],
        service_account_name="workflow",
        automount_service_account_token=False,
        executor=argo.ExecutorConfig(service_account_name="workflow"),
        pod_metadata=argo.Metadata(labels=labels(["kubernetes"])),  # Argo's executor reports to it
        pod_gc=argo.PodGC(strategy="OnPodSuccess", delete_delay_duration="60s"),
        ttl_strategy=argo.TTLStrategy(seconds_after_success=DAY, seconds_after_failure=7 * DAY),
        active_deadline_seconds=6 * 60 * 60,
        security_context=POD_SECURITY,
        volumes=[
            argo.Volume(name="tmp", empty_dir=argo.EmptyDirVolumeSource(size_limit=argo.Quantity("1Gi"))),
            argo.Volume(name="lake", persistent_volume_claim=argo.PersistentVolumeClaimVolumeSource(claim_name="lake")),
            argo.Volume(
                name="declared",
                config_map=argo.ConfigMapVolumeSource(
                    name=f"declared-{name}",
                    optional=None if declared_files(name) else True,  # some declare nothing
                    items=[argo.KeyToPath(key=file, path=f"{name}/{file}") for file in declared_files(name)],
                ),
            ),
        ],
    )


def cron(workflow: WorkflowTemplate, schedule: str) -> CronWorkflow:
    """Run a pipeline with its default arguments on a schedule, in UTC, never two at once."""
    return CronWorkflow(
        name=workflow.name,
        schedules=[schedule],
        timezone="UTC",  # the one name that needs no time zone files in the controller
        concurrency_policy="Forbid",
        starting_deadline_seconds=300,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=7,
        workflow_template_ref=argo.WorkflowTemplateRef(name=workflow.name),
    )


@cache  # however many tasks run a job, it is one template
def template(job: Job[..., Any]) -> Container:
    """The container that runs `job`: same name, same options, same defaults."""
    options = {name: f"{{{{inputs.parameters.{name}}}}}" for name in job.options}
    declared = container(job, **options)
    declared.inputs = [parameter(name, option) for name, option in job.options.items()]
    return declared


def container(job: Job[..., Any], **options: str) -> Container:
    """The container that runs `job` with these options as they are written.

    A job that needs Spark may be a driver that starts executors, so it has the account for that (k8s/base/spark.yaml).
    """
    driver = "spark" in job.needs
    return Container(
        name=job.name,
        labels=labels(job.needs) or None,
        image=job.image,
        command=job.command,
        args=args(**options),
        service_account_name="spark" if driver else None,
        automount_service_account_token=True if driver else None,
        env=[
            Env(name="HEADRACE_RUN", value="{{workflow.name}}"),
            *(FieldEnv(name=name, field_path=path) for name, path in POD.items() if driver),
        ],
        env_from=[SecretEnvFrom(name=service) for service in job.needs],
        resources=Resources(cpu_request=job.cpu, memory_request=job.memory, memory_limit=job.memory),
        active_deadline_seconds=job.minutes * 60,
        retry_strategy=retry(job.retries),
        security_context=SECURITY,
        volume_mounts=[
            argo.VolumeMount(name="tmp", mount_path="/tmp"),  # noqa: S108
            argo.VolumeMount(name="declared", mount_path="/etc/headrace", read_only=True),
            *(argo.VolumeMount(name="lake", mount_path="/lake") for need in job.needs if need == "lake"),
        ],
    )


def args(**options: object) -> list[str]:
    """Options as the command line reads them."""
    return [f"{flag(name)}={value}" for name, value in options.items()]


def retry(limit: int) -> RetryStrategy:
    """Try again, but not after a verdict: the same input would only get the same answer.

    There is no maxDuration: it counts from the first try's start, so a try that lasted that long would be the only one.
    """
    verdicts = ", ".join(str(status) for status in VERDICTS)
    return RetryStrategy(
        limit=limit,
        retry_policy="Always",
        expression=f"!(asInt(lastRetry.exitCode) in [{verdicts}])",
        backoff=argo.Backoff(duration="5s", factor=argo.IntOrString(2)),
    )


def parameter(name: str, option: inspect.Parameter) -> Parameter:
    """One option, with its choices and its default where it has them."""
    choices = get_args(option.annotation) if get_origin(option.annotation) is Literal else ()
    declared = Parameter(name=name, enum=[str(choice) for choice in choices] or None)
    if option.default is not option.empty:
        declared.default = str(option.default)
    return declared
