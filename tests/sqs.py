"""Messages, a queue and a journal, as tests of `jobs.sqs` need them."""

from jobs.sqs import large, queue
from jobs.sqs.message import Message
from jobs.sqs.progress import State

LIMIT = 100
NO_STORE = large.Store("", "q", lambda: None)


def message(offset: int, size: int = 1, group: str = "", partition: int = 0) -> Message:
    return Message(f"t/{partition}/{offset}", b"", size=size, offset=offset, partition=partition, group=group)


def described(name: str = "q", limit: int = LIMIT) -> queue.Queue:
    return queue.described(name, f"http://sqs/{name}", {"MaximumMessageSize": str(limit), "QueueArn": f"arn:{name}"})


class Journal:
    def __init__(self) -> None:
        self.writing = False
        self.states: list[State] = []

    def write(self, state: State) -> None:
        self.states.append(State.model_validate_json(state.model_dump_json()))
        self.writing = True

    def poll(self) -> None:
        self.writing = False

    flush = poll
