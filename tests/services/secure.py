"""A broker as production has it: SASL_SSL with SCRAM, the standard authorizer, nobody allowed anything by default."""

import subprocess
from pathlib import Path

from stack import jars, properties, storage
from stack.java import java
from tests.services.brokers import STACK, await_brokers, launch
from tests.services.certificates import Authority

CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ"
ADMIN = "admin-password-canary-1"
LISTENERS = ("SASL_SSL", "SSL", "CONTROLLER", "EXPIRED", "ELSEWHERE")


class Secure:
    """One node. EXPIRED and ELSEWHERE are listeners with a certificate that has expired, or is another host's."""

    def __init__(self, folder: Path, base: int) -> None:
        self.folder = folder
        self.ports = {name: base + at for at, name in enumerate(LISTENERS)}
        self.authority = Authority("headrace-test")
        self.ca = self.authority.write(folder / "ca.pem")
        self.other_ca = Authority("somebody-else").write(folder / "other-ca.pem")

    def address(self, listener: str = "SASL_SSL") -> str:
        """Where a listener is."""
        return f"127.0.0.1:{self.ports[listener]}"

    def environment(self, user: str, password: str, **more: str) -> dict[str, str]:
        """What a job of this user is told."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.address(),
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CA_LOCATION": str(self.ca),
            "HEADRACE_STATE": str(self.folder),
            **more,
        }

    def librdkafka(self, user: str, password: str) -> dict[str, str | int | float | bool]:
        """The same for a client of a test's own."""
        said = self.environment(user, password)
        del said["HEADRACE_STATE"]
        return {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in said.items()}

    def up(self) -> None:
        """Format its storage, start it, and wait for it."""
        jars.fetch()
        file = self.folder / "server.properties"
        storage.write(file, properties.text(self._properties()))
        command = [
            *(str(java()), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *(f"-Dlog4j2.configurationFile={STACK}/log4j2.properties", "-cp", f"{jars.home()}/kafka/*"),
            *("kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER, "-c", str(file)),
            *("--add-scram", f"SCRAM-SHA-512=[name=admin,password={ADMIN}]"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.process = launch(file, self.folder / "server.log")
        await_brokers(self.librdkafka("admin", ADMIN), 1, seconds=120)

    def down(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()

    def _properties(self) -> dict[str, object]:
        sign = self.authority.sign
        good = sign(self.folder / "broker.pem", "broker")
        expired = sign(self.folder / "expired.pem", "broker", days=-1)
        elsewhere = sign(self.folder / "elsewhere.pem", "broker", host="kafka.example.org")
        all_ = ",".join(f"{name}://{self.address(name)}" for name in LISTENERS)
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": self.address("CONTROLLER"),
            "controller.listener.names": "CONTROLLER",
            "listeners": all_,
            "advertised.listeners": all_,
            "inter.broker.listener.name": "SSL",
            "listener.security.protocol.map": ",".join(
                f"{name}:{'SSL' if name in ('SSL', 'CONTROLLER') else 'SASL_SSL'}" for name in LISTENERS
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": good,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca,
            "listener.name.expired.ssl.keystore.location": expired,
            "listener.name.expired.ssl.keystore.type": "PEM",
            "listener.name.elsewhere.ssl.keystore.location": elsewhere,
            "listener.name.elsewhere.ssl.keystore.type": "PEM",
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            **{
                f"listener.name.{name}.scram-sha-512.sasl.jaas.config": scram
                for name in ("sasl_ssl", "expired", "elsewhere")
            },
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:broker;User:admin",
            "allow.everyone.if.no.acl.found": "false",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": 3,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
        }
