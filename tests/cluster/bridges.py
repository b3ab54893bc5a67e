"""Ways between the node's network and the host's loopback: nothing of either is open to another machine.

Each is a pair of socat that meet at a socket in the node's own /run. The API comes out at a port of the host's
loopback; a service of the host's loopback goes in at 10.250.0.2, as a Service: `connect.stack.svc`.
"""

from tests.cluster.place import port

HOST = "10.250.0.2"

OUTSIDE = "nsenter --net=/run/netns/host socat -b 65536"
INSIDE = "socat -b 65536"


def configuration(services: dict[str, int]) -> str:
    """The programs that the supervisor runs for it."""
    lines = _bridge("api", f"TCP-LISTEN:{port()},bind=127.0.0.1", OUTSIDE, "TCP:127.0.0.1:6443", INSIDE)
    for name, number in services.items():
        lines += _bridge(name, f"TCP-LISTEN:{number},bind={HOST}", INSIDE, f"TCP:127.0.0.1:{number}", OUTSIDE)
    return "\n".join(lines)


def _bridge(name: str, listen: str, listener: str, target: str, caller: str) -> list[str]:
    socket = f"/run/headrace/{name}.sock"
    commands = {
        "in": f"{listener} {listen},fork,reuseaddr,backlog=128 UNIX-CONNECT:{socket}",
        "out": f"{caller} UNIX-LISTEN:{socket},fork,mode=600,unlink-early,backlog=128 {target}",
    }
    return [
        line
        for end, command in commands.items()
        for line in (
            f"[program:bridge-{name}-{end}]",
            f"command = {command}",
            "startretries = 20",
            "stdout_logfile = /var/log/headrace/bridges.log",
            "redirect_stderr = true",
        )
    ]
