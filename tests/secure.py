"""Engines that speak TLS alone and ask for a password, with a certificate made for one test."""

import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.engines.kafka import Kafka
from scripts.engines.place import Place
from scripts.engines.postgres import Postgres
from scripts.engines.rabbitmq import RabbitMQ
from scripts.engines.redis import Redis

USER = "hilum"
PASSWORD = "sEcReT-0f-0ne-test"
ADDRESS = ipaddress.ip_address("127.0.0.1")


class Authority:
    """A certificate authority and one certificate of its own, for 127.0.0.1 and no name."""

    def __init__(self, folder: Path, name: str = "ours") -> None:
        self.ca = folder / f"{name}-ca.pem"
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self.both = folder / f"{name}-both.pem"
        """Key, certificate and authority in one file."""
        authority = ec.generate_private_key(ec.SECP256R1())
        issuer = _name(f"authority {name}")
        root = _certificate(issuer, issuer, authority.public_key(), is_authority=True)
        self.ca.write_bytes(_pem(root.sign(authority, hashes.SHA256())))
        server = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(_name("server"), issuer, server.public_key(), is_authority=False)
        made = made.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ADDRESS)]), critical=False
        )
        self.certificate.write_bytes(_pem(made.sign(authority, hashes.SHA256())))
        self.key.write_bytes(
            server.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.both.write_bytes(
            b"".join(each.read_bytes() for each in (self.key, self.certificate, self.ca))
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _asked(port: int, question: bytes) -> bytes:
    """What an engine answers over TLS, whoever it says it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 2) as plain,
        context.wrap_socket(plain) as secure,
    ):
        secure.sendall(question)
        return secure.recv(4096)


@dataclass
class SecurePostgres(Postgres):
    """Lets in over TLS alone: the superuser, and `USER` with its password."""

    authority: Authority

    def prepare(self, place: Place) -> None:
        super().prepare(place)
        for source, name in (
            (self.authority.certificate, "server.crt"),
            (self.authority.key, "server.key"),
        ):
            target = place.data / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(target, "postgres", "postgres")
        with (place.data / "postgresql.conf").open("a") as file:
            file.write("ssl = on\npassword_encryption = 'scram-sha-256'\n")
        (place.data / "pg_hba.conf").write_text(
            "hostssl all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        )


@dataclass
class SecureRedis(Redis):
    """TLS alone, and a password."""

    authority: Authority

    def prepare(self, place: Place) -> None:
        super().prepare(place)
        made = self.authority
        with (place.folder / "redis.conf").open("a") as file:
            file.write(
                f"port 0\ntls-port {place.port}\ntls-cert-file {made.certificate}\n"
                f"tls-key-file {made.key}\ntls-ca-cert-file {made.ca}\ntls-auth-clients no\n"
                f"user default off\nuser {USER} on >{PASSWORD} ~* &* +@all\n"
            )

    def answers(self, place: Place) -> bool:
        return _asked(place.port, b"PING\r\n").startswith(b"-NOAUTH")

    def address(self, place: Place) -> str:
        return f"rediss://{USER}@127.0.0.1:{place.port}/0"


@dataclass
class SecureRabbitMQ(RabbitMQ):
    """TLS alone; the user is the broker's own."""

    authority: Authority

    def prepare(self, place: Place) -> None:
        super().prepare(place)
        made, path = self.authority, place.folder / "rabbitmq.conf"
        kept = path.read_text().partition("\n")[2]
        path.write_text(
            f"{kept}listeners.tcp = none\nlisteners.ssl.default = 127.0.0.1:{place.port}\n"
            f"ssl_options.cacertfile = {made.ca}\nssl_options.certfile = {made.certificate}\n"
            f"ssl_options.keyfile = {made.key}\nssl_options.verify = verify_none\n"
        )

    def answers(self, place: Place) -> bool:
        return _asked(place.port, b"AMQP\x00\x00\x09\x01").startswith(b"\x01")

    def address(self, place: Place) -> str:
        return f"amqps://guest@127.0.0.1:{place.port}/"


@dataclass
class SecureKafka(Kafka):
    """Clients come over SASL_SSL with SCRAM; the broker talks to itself as it likes."""

    authority: Authority
    port_names = ("port", "controller", "secure")
    formatting: ClassVar[Sequence[str]] = (
        "--add-scram",
        f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]",
    )

    def settings(self, place: Place) -> str:
        port, secure, controller = (place.ports[name] for name in ("port", "secure", "controller"))
        return super().settings(place) + (
            f"listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},"
            f"CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure}\n"
            "listener.security.protocol.map="
            "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT\n"
            "inter.broker.listener.name=PLAINTEXT\nsasl.enabled.mechanisms=SCRAM-SHA-512\n"
            "listener.name.secure.scram-sha-512.sasl.jaas.config="
            "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
            f"ssl.keystore.type=PEM\nssl.keystore.location={self.authority.both}\n"
        )

    def address(self, place: Place) -> str:
        return f"kafkas://{USER}@127.0.0.1:{place.ports['secure']}"
