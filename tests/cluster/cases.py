"""Small workflows that say what Argo does: each is run on the real controller and by `flows/local.py`."""

from collections.abc import Callable, Sequence

from hera.workflows import DAG, Container, Parameter, RetryStrategy, Task, WorkflowTemplate
from hera.workflows import models as argo

from tests.cluster import images
from workflows.step import retry

SECURE = argo.SecurityContext(
    run_as_non_root=True,
    read_only_root_filesystem=True,
    allow_privilege_escalation=False,
    capabilities=argo.Capabilities(drop=["ALL"]),
)
Case = Callable[[], None]


def python(
    name: str,
    script: str,
    inputs: Sequence[str | Parameter] = (),
    *,
    outputs: Sequence[str] = (),
    retries: RetryStrategy | None = None,
    seconds: int = 300,
) -> Container:
    """A template that runs a script; output `n` is what it writes to /tmp/n."""
    return Container(
        name=name,
        image=images.tag("jobs"),
        command=["python", "-c"],
        args=[script],
        inputs=[each if isinstance(each, Parameter) else Parameter(name=each) for each in inputs],
        outputs=[Parameter(name=each, value_from=argo.ValueFrom(path=f"/tmp/{each}")) for each in outputs],  # noqa: S108
        retry_strategy=retries,
        active_deadline_seconds=seconds,
        security_context=SECURE,
        volume_mounts=[argo.VolumeMount(name="tmp", mount_path="/tmp")],  # noqa: S108
    )


def template(case: Case) -> WorkflowTemplate:
    """The workflow of a case: its parameter `word`, its tasks, and an exit handler that says the status."""
    end = python("end", "print('{{workflow.status}}', len(r'''{{workflow.failures}}''') > 4)")
    with (
        WorkflowTemplate(
            name=f"case-{case.__name__.replace('_', '-')}",
            entrypoint="main",
            arguments=[Parameter(name="word", value="default")],
            on_exit=end,
            templates=[end],
            service_account_name="workflow",
            automount_service_account_token=False,
            executor=argo.ExecutorConfig(service_account_name="workflow"),
            security_context=argo.PodSecurityContext(
                run_as_non_root=True, run_as_user=10001, seccomp_profile=argo.SeccompProfile(type="RuntimeDefault")
            ),
            volumes=[argo.Volume(name="tmp", empty_dir=argo.EmptyDirVolumeSource())],
        ) as workflow,
        DAG(name="main"),
    ):
        case()
    return workflow


ECHO = "print('{{inputs.parameters.word}}')"


def order() -> None:
    echo = python("echo", ECHO, ["word"])
    first, left, right, last = (Task(name=name, template=echo, arguments={"word": name}) for name in "abcd")
    first.next(left)
    first.next(right)
    left.next(last)
    right.next(last)


def parameters() -> None:
    choices = Parameter(name="word", default="none", enum=["none", "some"])
    given = python("given", ECHO, ["word"])
    chosen = python("chosen", ECHO, [choices])
    Task(name="of-workflow", template=given, arguments={"word": "{{workflow.parameters.word}}!"})
    Task(name="default", template=chosen)
    Task(name="choice", template=chosen, arguments={"word": "some"})


def results() -> None:
    say = python("say", "print('two words')")
    write = python("write", "open('/tmp/number', 'w').write('42\\n'); print('written')", outputs=["number"])
    echo = python("echo", ECHO, ["word"])
    said, written = Task(name="said", template=say), Task(name="written", template=write)
    said.next(Task(name="heard", template=echo, arguments={"word": "{{tasks.said.outputs.result}}"}))
    written.next(Task(name="read", template=echo, arguments={"word": "{{tasks.written.outputs.parameters.number}}"}))


def when() -> None:
    flip = python("flip", "print('heads')")
    echo = python("echo", ECHO, ["word"])
    coin = Task(name="coin", template=flip)
    for name, condition in {
        "heads": "{{tasks.coin.outputs.result}} == heads",
        "tails": "{{tasks.coin.outputs.result}} == tails",
        "number": "3 > 2 && {{tasks.coin.outputs.result}} != tails",
    }.items():
        coin.next(Task(name=name, template=echo, arguments={"word": name}, when=condition))
    Task(name="after-skipped", template=echo, arguments={"word": "x"}, depends="tails")
    Task(name="if-skipped", template=echo, arguments={"word": "x"}, depends="tails.Skipped")
    Task(name="if-failed", template=echo, arguments={"word": "x"}, depends="tails.Failed")


def fan_out() -> None:
    echo = python("echo", ECHO, ["word"])
    make = python("make", "import json; print(json.dumps([1, 2, 3]))")
    items = Task(name="items", template=echo, arguments={"word": "{{item}}"}, with_items=["a", "b"])
    objects = Task(
        name="objects",
        template=echo,
        arguments={"word": "{{item.k}}-{{item.v}}"},
        with_items=[{"k": "one", "v": "1"}, {"k": "two", "v": "2"}],
    )
    made = Task(name="made", template=make)
    each = Task(name="each", template=echo, arguments={"word": "{{item}}"}, with_param="{{tasks.made.outputs.result}}")
    made.next(each)
    total = python("total", "import json; print(sum(json.loads('{{inputs.parameters.word}}')))", ["word"])
    last = Task(name="last", template=total, arguments={"word": "{{tasks.each.outputs.result}}"})
    for before in (items, objects, each):
        before.next(last)


def retries() -> None:
    limit = retry(2)
    limit.backoff = None
    flaky = python("flaky", "import sys; sys.exit(0 if '{{retries}}' == '1' else 1)", retries=limit)
    broken = python("broken", "import sys; sys.exit(1)", retries=limit)
    wrong = python("wrong", "import sys; sys.exit(2)", retries=limit)
    Task(name="second-try", template=flaky)
    Task(name="never", template=broken)
    Task(name="verdict", template=wrong)


def failure() -> None:
    fail = python("fail", "import sys; sys.exit(3)")
    echo = python("echo", ECHO, ["word"])
    broken = Task(name="broken", template=fail)
    broken.next(Task(name="omitted", template=echo, arguments={"word": "x"}))
    Task(name="rescue", template=echo, arguments={"word": "x"}, depends="broken.Failed")
    Task(name="also-omitted", template=echo, arguments={"word": "x"}, depends="omitted")


def rescued() -> None:
    fail = python("fail", "import sys; sys.exit(3)")
    echo = python("echo", ECHO, ["word"])
    Task(name="broken", template=fail)
    Task(name="rescue", template=echo, arguments={"word": "x"}, depends="broken.Failed || broken.Succeeded")


def deadline() -> None:
    slow = python("slow", "import time; time.sleep(120)", seconds=5)
    Task(name="slow", template=slow)


CASES: tuple[Case, ...] = (order, parameters, results, when, fan_out, retries, failure, rescued, deadline)
