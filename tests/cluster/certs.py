"""The keys of one cluster: an authority, a certificate for each program, and their kubeconfigs."""

import base64
import datetime
import ipaddress
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

PROGRAMS = {  # file, common name, group: who the API takes the bearer for
    "admin": ("admin", "system:masters"),
    "apiserver-client": ("apiserver-kubelet-client", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "front-proxy": ("front-proxy", ""),
    "kubelet": ("system:node:headrace-node", "system:nodes"),
    "proxy": ("system:kube-proxy", ""),
    "scheduler": ("system:kube-scheduler", ""),
}
INSIDE = ("controller-manager", "kubelet", "proxy", "scheduler")

HOSTS = ("headrace-node", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
ADDRESSES = ("127.0.0.1", "10.96.0.1", "10.250.0.1")


def create(folder: Path) -> None:
    """Make all keys and certificates, and the kubeconfigs of the programs inside the node."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = Authority(folder)
    authority.issue("apiserver", "kube-apiserver", "", SERVER, CLIENT)
    authority.issue("kubelet-server", "headrace-node", "", SERVER)
    for file, (name, group) in PROGRAMS.items():
        authority.issue(file, name, group, CLIENT)
    write_key(folder / "accounts.key", ec.generate_private_key(ec.SECP256R1()))
    for name in INSIDE:
        (folder / f"{name}.kubeconfig").write_text(kubeconfig(folder, name, "https://127.0.0.1:6443"))


class Authority:
    """The cluster's own certificate authority, which is forgotten once everything is signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("headrace", "")
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, name: str, group: str, *usages: x509.ObjectIdentifier) -> None:
        """Write a key and its certificate; a server's holds every name that the node goes by."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(name, group), key.public_key()).add_extension(
            x509.ExtendedKeyUsage(usages), critical=False
        )
        if SERVER in usages:
            names = [x509.DNSName(host) for host in HOSTS]
            addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
            builder = builder.add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        write_key(self.folder / f"{file}.key", key)
        (self.folder / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=365))
        )


def kubeconfig(folder: Path, name: str, server: str) -> str:
    """The kubeconfig of one bearer, with everything in it; JSON is YAML."""
    data = {
        file: base64.b64encode((folder / file).read_bytes()).decode()
        for file in ("ca.crt", f"{name}.crt", f"{name}.key")
    }
    cluster = {"server": server, "certificate-authority-data": data["ca.crt"]}
    user = {"client-certificate-data": data[f"{name}.crt"], "client-key-data": data[f"{name}.key"]}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "headrace", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [
                {"name": "headrace", "context": {"cluster": "headrace", "user": name, "namespace": "headrace"}}
            ],
            "current-context": "headrace",
        },
        indent=2,
    )


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that only its owner can read."""
    path.touch(0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _name(name: str, group: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
