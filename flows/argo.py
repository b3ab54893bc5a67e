"""Run a WorkflowTemplate of the cluster and wait for it: Prefect says when, Argo runs the steps.

It needs the Kubernetes API alone, no argo-server: the account of a flow's pod (k8s/base/prefect), or `KUBECONFIG`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import ClientError
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, CustomObjectsApi
from kubernetes_asyncio.client.exceptions import ApiException
from prefect import Flow, flow, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import FlowRun, State
from prefect.runtime import flow_run as this_run
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from flows import submission
from flows.submission import Ended
from jobs.errors import JobError

T = TypeVar("T")

API = ("argoproj.io", "v1alpha1")
PATIENCE = 300  # seconds without an answer of the API until the wait is given up
EVERY = 2  # seconds between two looks
OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Argo:
    """Argo's objects in one namespace.

    Args:
        client: How to reach the API.
        namespace: Where the templates are.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.api = CustomObjectsApi(client)
        self.namespace = namespace

    async def template(self, name: str) -> dict[str, Any]:
        """A WorkflowTemplate.

        Raises:
            JobError: There is none of that name.
        """
        try:
            return await self._get("workflowtemplates", name)
        except ApiException as error:
            if error.status != 404:
                raise
            raise JobError(
                f"there is no WorkflowTemplate {name} in namespace {self.namespace}",
                hint=f"kubectl get workflowtemplates -n {self.namespace}",
            ) from error

    async def submit(self, manifest: dict[str, Any]) -> None:
        """Create the Workflow, unless an earlier try of this flow run did."""
        try:
            await persist(lambda: self.api.create_namespaced_custom_object(*API, self.namespace, "workflows", manifest))
        except ApiException as error:
            if error.status != 409:
                raise

    async def workflow(self, name: str) -> dict[str, Any]:
        """A Workflow.

        Raises:
            JobError: There is none of that name: somebody deleted it.
        """
        try:
            return await self._get("workflows", name)
        except ApiException as error:
            if error.status != 404:
                raise
            raise JobError(f"Workflow {name} was deleted before it ended") from error

    async def terminate(self, name: str) -> None:
        """End a Workflow now, as `argo terminate` does; its exit handler still runs."""
        end = [{"op": "add", "path": "/spec/shutdown", "value": "Terminate"}]
        await persist(lambda: self.api.patch_namespaced_custom_object(*API, self.namespace, "workflows", name, end))

    async def _get(self, plural: str, name: str) -> dict[str, Any]:
        return await persist(lambda: self.api.get_namespaced_custom_object(*API, self.namespace, plural, name))


@asynccontextmanager
async def connected() -> AsyncGenerator[Argo, None]:
    """Argo in the namespace of this pod, or in that of `KUBECONFIG`'s context."""
    if OWN_NAMESPACE.exists():
        config.load_incluster_config()
        client, namespace = ApiClient(), OWN_NAMESPACE.read_text().strip()
    else:
        client = await config.new_client_from_config()
        _, context = config.list_kube_config_contexts()
        namespace = (context or {}).get("context", {}).get("namespace", "default")
    async with client:
        yield Argo(client, namespace)


async def persist(call: Callable[[], Awaitable[T]]) -> T:
    """What the API answers; asked again while it can't be reached, for a run may take hours."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(_is_passing),
        wait=wait_random_exponential(max=20),
        stop=stop_after_delay(PATIENCE),
        reraise=True,
    ):
        with attempt:
            return await call()
    raise AssertionError  # the last attempt returned or raised


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, ApiException):
        return error.status == 429 or (error.status or 0) >= 500
    return isinstance(error, ClientError | TimeoutError | ConnectionError)


async def terminate(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:  # noqa: ARG001 - Prefect's names
    """End the Workflow of a flow run that was cancelled."""
    async with connected() as argo:
        await argo.terminate(submission.name(flow_run.parameters["template"], flow_run.id))


@flow(name="argo", flow_run_name="{template}", on_cancellation=[terminate])
async def run(template: str, arguments: dict[str, str] | None = None) -> Ended:
    """Run a WorkflowTemplate with these arguments, and wait until it has ended.

    A flow run that is tried again finds the Workflow that it submitted, and waits on.

    Args:
        template: The WorkflowTemplate, such as `messages`.
        arguments: Values for its parameters; those left out have their defaults.

    Raises:
        JobError: There is no such template, it has no such parameter, or the Workflow did not succeed.
    """
    ended = await carry(template, arguments or {}, UUID(this_run.id), get_run_logger().info)
    await acreate_table_artifact(
        key="workflow", table=[asdict(step) for step in ended.steps], description=ended.verdict
    )
    if ended.phase != "Succeeded":
        raise JobError(ended.verdict, hint=f"argo retry {ended.workflow}", result=ended)
    return ended


async def carry(
    template: str,
    arguments: dict[str, str],
    identity: UUID,
    tell: Callable[..., None],
    stopped: Callable[[], bool] = lambda: False,
) -> Ended:
    """Submit a WorkflowTemplate, unless this identity did before, and wait until the Workflow has ended.

    Args:
        template: The WorkflowTemplate.
        arguments: Values for its parameters.
        identity: What the Workflow's name comes from.
        tell: Where it is told what the steps come to.
        stopped: Whether to end the Workflow now.

    Raises:
        JobError: There is no such template, or it has no such parameter.
    """
    async with connected() as argo:
        submission.check(await argo.template(template), arguments)
        manifest = submission.manifest(template, arguments, identity)
        name = manifest["metadata"]["name"]
        await argo.submit(manifest)
        tell("Workflow %s in namespace %s", name, argo.namespace)
        return await follow(argo, name, tell, stopped)


async def follow(
    argo: Argo, name: str, tell: Callable[..., None], stopped: Callable[[], bool] = lambda: False
) -> Ended:
    """Wait until a Workflow has ended, and tell what its steps come to; end it when told to stop."""
    told: set[submission.Step] = set()
    terminated = False
    while True:
        if stopped() and not terminated:
            await argo.terminate(name)
            terminated = True
        stands = submission.standing(await argo.workflow(name))
        for step in stands.steps:
            if step not in told:
                tell("%s %s %s", step.name, step.status, step.message)
        told |= set(stands.steps)
        if stands.phase in submission.FINISHED:
            return stands
        await asyncio.sleep(EVERY)
