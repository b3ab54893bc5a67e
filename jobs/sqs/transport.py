"""Requests to SQS under way at the same time on connections that stay open, by libcurl; one thread.

boto3's call path costs 10 times as much CPU a request (DECISIONS.md 18). What it knows stays its own: where the
endpoint is, which certificates hold, and with which credentials to sign.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pycurl
from botocore.httpsession import get_cert_path
from pydantic_core import to_json

from jobs.sqs.message import Message
from jobs.sqs.queue import Queue, credentials
from jobs.sqs.signing import Signer

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CONNECT, ANSWER = 10, 30
"""How long to try to connect, and how long a whole request may take, in seconds."""

# A request that failed with one of these never arrived.
NEVER_SENT = {
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_RESOLVE_PROXY,
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
}


@dataclass(slots=True)
class Answer:
    """What came back for one request.

    Args:
        batch: Its messages.
        status: The HTTP status; 0 without an answer.
        body: The answer.
        error: Why there is none.
        sent: Whether the request may have arrived.
        repeated: Whether libcurl sent it a second time, as it does when a connection that was open breaks.
    """

    batch: list[Message]
    status: int
    body: bytes
    error: str = ""
    sent: bool = True
    repeated: bool = False


class Transport:
    """SendMessageBatch to one queue.

    Args:
        sqs: The client whose endpoint, credentials and certificates are used.
        queue: The queue.
        most: How many requests may be under way.
    """

    def __init__(self, sqs: "SQSClient", queue: Queue, most: int) -> None:
        self.queue = queue
        self.prefix = b'{"QueueUrl":' + to_json(queue.url) + b',"Entries":'
        endpoint = sqs.meta.endpoint_url.rstrip("/") + "/"
        self.signer = Signer(endpoint, sqs.meta.region_name, "AmazonSQS.SendMessageBatch", credentials(sqs))
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_MAXCONNECTS, most)
        self.idle = [self._handle(endpoint, vars(sqs).get("_endpoint")) for _ in range(most)]
        self.under_way: dict[Any, tuple[list[Message], BytesIO, int]] = {}

    def __len__(self) -> int:
        """How many requests are under way."""
        return len(self.under_way)

    def start(self, batch: list[Message]) -> None:
        """Send one request; there must be fewer than the most under way."""
        for number, message in enumerate(batch):
            message.entry["Id"] = str(number)
        body = self.prefix + to_json([message.entry for message in batch]) + b"}"
        handle, answer = self.idle.pop(), BytesIO()
        # Neither is wanted: the first costs a round trip a request, the second says nothing.
        headers = self.signer.headers(body)
        handle.setopt(pycurl.HTTPHEADER, [*headers, "Expect:", "Accept:"])
        handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.WRITEDATA, answer)
        self.under_way[handle] = (batch, answer, len(body) + sum(map(len, headers)))
        self.multi.add_handle(handle)

    def wait(self, seconds: float) -> list[Answer]:
        """The answers that came within so many seconds; returns as soon as there is one."""
        self.multi.perform()
        answers = self._answers()
        if not answers and self.under_way and seconds > 0:
            self.multi.select(seconds)
            self.multi.perform()
            answers = self._answers()
        return answers

    def close(self) -> None:
        """Drop what is under way."""
        for handle in self.under_way:
            self.multi.remove_handle(handle)
        self.under_way.clear()
        self.multi.close()

    def _answers(self) -> list[Answer]:
        answers: list[Answer] = []
        while True:
            left, good, bad = self.multi.info_read()
            answers += [self._answer(handle) for handle in good]
            answers += [self._answer(handle, code, text) for handle, code, text in bad]
            if not left:
                return answers

    def _answer(self, handle: Any, code: int = 0, text: str = "") -> Answer:
        batch, answer, size = self.under_way.pop(handle)
        status = 0 if code else int(handle.getinfo(pycurl.RESPONSE_CODE))
        sent = code not in NEVER_SENT
        repeated = handle.getinfo(pycurl.REQUEST_SIZE) >= 2 * size
        self.multi.remove_handle(handle)
        self.idle.append(handle)
        return Answer(batch, status, answer.getvalue(), text or f"curl {code}" if code else "", sent, repeated)

    def _handle(self, url: str, endpoint: Any) -> Any:
        handle = pycurl.Curl()
        verify = getattr(getattr(endpoint, "http_session", None), "_verify", True)
        for option, value in (
            (pycurl.URL, url),
            (pycurl.POST, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.TCP_KEEPALIVE, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.USERAGENT, "headrace"),
            (pycurl.CONNECTTIMEOUT, CONNECT),
            (pycurl.TIMEOUT, ANSWER),
        ):
            handle.setopt(option, value)
        if verify is False:
            handle.setopt(pycurl.SSL_VERIFYPEER, 0)
            handle.setopt(pycurl.SSL_VERIFYHOST, 0)
        else:
            handle.setopt(pycurl.CAINFO, get_cert_path(verify))
        return handle
