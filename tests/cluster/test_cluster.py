"""The cluster works as a cluster: pods, names, admission, rights."""

import pytest

from tests.cluster import images, kube, pods
from tests.cluster.place import ClusterError

pytestmark = pytest.mark.usefixtures("cluster")


def test_the_node_is_ready() -> None:
    [node] = kube.get("nodes")["items"]
    conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def test_a_pod_resolves_services_and_nothing_else() -> None:
    script = (
        "import socket\n"
        "for name in ('kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'example.invalid'):\n"
        "    try: print(name, socket.gethostbyname(name))\n"
        "    except socket.gaierror as error: print(name, error.errno == socket.EAI_NONAME)\n"
    )
    ended = pods.run(images.tag("jobs"), "python", "-c", script)
    assert ended == pods.Ended(
        "Succeeded",
        "kubernetes.default.svc 10.96.0.1\nkubernetes.default.svc.cluster.local 10.96.0.1\nexample.invalid True\n",
    )


def test_the_namespace_refuses_a_pod_that_runs_as_root() -> None:
    with pytest.raises(ClusterError, match=r'violates PodSecurity "restricted:latest".*runAsNonRoot'):
        kube.apply_objects(pods.pod("headrace/busybox:1", "true", user=0))


@pytest.mark.parametrize(
    ("verb", "resource", "may"),
    [
        ("create", "workflowtaskresults.argoproj.io", "yes"),
        ("patch", "workflowtaskresults.argoproj.io", "yes"),
        ("get", "workflowtaskresults.argoproj.io", "no"),
        ("get", "secrets", "no"),
        ("list", "pods", "no"),
        ("create", "pods", "no"),
    ],
)
def test_a_workflow_may_report_and_nothing_else(verb: str, resource: str, may: str) -> None:
    account = "system:serviceaccount:headrace:workflow"
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": account,
            "resourceAttributes": {
                "namespace": "headrace",
                "verb": verb,
                "resource": resource.partition(".")[0],
                "group": resource.partition(".")[2],
            },
        },
    }
    assert kube.ask(question)["status"]["allowed"] is (may == "yes")
