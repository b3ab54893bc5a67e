"""Why a broker can't be reached, when librdkafka does not say: asked of the port itself."""

import socket
import ssl
from collections.abc import Mapping

PATIENCE = 2.0
"""How long to try, in seconds: the job has failed already."""


def diagnose(config: Mapping[str, object]) -> str:
    """What is wrong with TLS between here and the first broker; empty when nothing of that kind is.

    Args:
        config: What librdkafka is given.
    """
    host, _, port = str(config.get("bootstrap.servers", "")).partition(",")[0].rpartition(":")
    name, ca = host.strip("[]"), config.get("ssl.ca.location")
    if not name or not port.isdigit():
        return ""
    if "SSL" not in str(config.get("security.protocol", "PLAINTEXT")).replace("SASL", ""):
        spoken = _handshake(name, int(port), _careless())
        said = config.get("security.protocol", "PLAINTEXT")
        return "" if spoken else f"{name}:{port} speaks TLS, and KAFKA_SECURITY_PROTOCOL is {said}"
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        return f"KAFKA_SSL_CA_LOCATION: {ca}: {error.strerror or error}"
    return _handshake(name, int(port), context)


def _handshake(host: str, port: int, context: ssl.SSLContext) -> str:
    """What is wrong; empty when nothing is, or when it is not TLS that is wrong."""
    try:
        with socket.create_connection((host, port), timeout=PATIENCE) as plain:
            plain.settimeout(PATIENCE)
            with context.wrap_socket(plain, server_hostname=host):
                return ""
    except ssl.SSLCertVerificationError as error:
        return f"the certificate of {host}:{port} is refused: {error.verify_message}"
    except ssl.SSLError:
        return f"{host}:{port} does not speak TLS, and KAFKA_SECURITY_PROTOCOL says that it does"
    except OSError as error:
        return str(error) or "no answer"


def _careless() -> ssl.SSLContext:
    """One that only asks whether TLS is spoken: nothing is ever sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
