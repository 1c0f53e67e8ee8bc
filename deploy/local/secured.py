"""The local broker with TLS, users and rights: what a production broker asks for, on this machine.

Two listeners: ``SASL_SSL`` takes SCRAM users, ``SSL`` takes client certificates (mutual TLS), whose common name is the
user. Nobody may do anything that no right allows, but ``admin`` and the broker itself.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from deploy.local import ports
from deploy.local.broker import LocalBroker
from deploy.local.certificates import Authority
from schemas.access import USERS
from streams.admin_client import connect
from streams.errors import BrokerError, PlatformError
from streams.settings import Settings

ADMIN = "admin"
BROKER = "broker"
HOSTS = f"DNS:localhost,IP:{ports.LOCALHOST}"
MECHANISM = "SCRAM-SHA-512"


class SecuredBroker(LocalBroker):
    """A ``LocalBroker`` that lets only known users in.

    Certificates and passwords lie in ``<directory>/secrets``, one file each. ``make_users`` makes the users of a topic
    prefix; ``client`` is what a user puts into its settings.
    """

    def __init__(self, directory: Path, port: int = 0, **options: Any) -> None:
        super().__init__(directory, port, **options)
        self.secrets = self.directory / "secrets"
        self.authority = Authority(self.secrets)
        self._certificate = self.authority.issue(BROKER, HOSTS)
        self.tls_port = 0

    def make_users(self, prefix: str) -> None:
        """Make each user of ``schemas.access``, with a password of its own; without any rights yet."""
        with connect(Settings(**self.client(ADMIN))) as admin:
            refused = admin.alter_user_scram_credentials(
                [
                    UserScramCredentialUpsertion(f"{prefix}-{user}", ScramMechanism.SCRAM_SHA_512, self._secret(name))
                    for user in USERS
                    for name in [f"{prefix}-{user}"]
                ]
            )
        if problems := [f"{user}: {reason}" for user, reason in refused.items() if reason]:
            raise PlatformError(f"The broker made not every user ({problems[0]}); its log is {self.log_file}.")

    def client(self, user: str) -> dict[str, Any]:
        """Settings of a client that is this user, by password."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": "SASL_SSL",
            "ssl_ca_file": str(self.authority.certificate),
            "sasl_mechanism": MECHANISM,
            "sasl_username": user,
            "sasl_password_file": str(self.password_file(user)),
        }

    def tls_client(self, user: str) -> dict[str, Any]:
        """Settings of a client that is this user, by certificate."""
        own = self.authority.issue(user)
        return {
            "bootstrap_servers": f"{ports.LOCALHOST}:{self.tls_port}",
            "security_protocol": "SSL",
            "ssl_ca_file": str(self.authority.certificate),
            "ssl_certificate_file": str(own.certificate),
            "ssl_key_file": str(own.key),
        }

    def password_file(self, user: str) -> Path:
        """Where the password of a user is; made when there is none."""
        self._secret(user)
        return self.secrets / f"{user}.password"

    def _secret(self, user: str) -> str:
        file = self.secrets / f"{user}.password"
        if not file.exists():
            file.touch(0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text()

    def _take_ports(self) -> None:
        super()._take_ports()
        self.tls_port = self.tls_port or ports.free_ports(1)[0]

    def _listeners(self) -> dict[str, str]:
        host, own = ports.LOCALHOST, self._certificate
        chain = self.secrets / "broker-chain.pem"
        chain.touch(0o600)
        chain.write_text(own.key.read_text() + own.certificate.read_text())
        clients = f"SASL_SSL://{host}:{self.port},SSL://{host}:{self.tls_port}"
        return {
            "listeners": f"{clients},CONTROLLER://{host}:{self.controller_port}",
            "advertised.listeners": clients,
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "SSL",
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(chain),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
            "sasl.enabled.mechanisms": MECHANISM,
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{ADMIN};User:{BROKER}",
        }

    def _format_options(self) -> list[str]:
        return ["--add-scram", f"{MECHANISM}=[name={ADMIN},password={self._secret(ADMIN)}]"]

    def _check_usable(self, deadline: float) -> None:
        """The port speaks TLS, so only a real client can tell; it may be that the users are not yet read."""
        while True:
            try:
                connect(Settings(**self.client(ADMIN)), timeout_s=max(1.0, deadline - time.monotonic())).close()
                return
            except BrokerError:
                if time.monotonic() > deadline or not self.pid:
                    raise
                time.sleep(0.2)

    def _answers(self, timeout_s: float) -> bool:
        return ports.accepts(self.port, timeout_s)
