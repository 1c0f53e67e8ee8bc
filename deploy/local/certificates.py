"""A certificate authority for this machine, made with the command ``openssl``: for brokers that are tried out."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from streams.errors import PlatformError

DAYS = 365
_CONFIG = """[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate and of its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates below one directory; its own is ``certificate``. Raises PlatformError without ``openssl``."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        self._directory = directory
        self._config = directory / "openssl.cnf"
        self._config.write_text(_CONFIG)
        self._own = Certificate(directory / "authority.pem", directory / "authority.key")
        if not self._own.certificate.exists():
            self._make(self._own, "authority", "authority")

    @property
    def certificate(self) -> Path:
        """What clients and brokers trust."""
        return self._own.certificate

    def issue(self, name: str, hosts: str = "") -> Certificate:
        """A certificate of ``CN=name``; ``hosts`` as OpenSSL takes them (``DNS:localhost,IP:127.0.0.1``)."""
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        if not made.certificate.exists():
            signer = ["-CA", str(self._own.certificate), "-CAkey", str(self._own.key)]
            self._make(made, name, "leaf", *signer, *(["-addext", f"subjectAltName={hosts}"] if hosts else []))
        return made

    def _make(self, files: Certificate, name: str, extensions: str, *options: str) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            raise PlatformError(
                "Certificates are made with openssl, which is not on PATH; install it (Debian: openssl)."
            )
        command = [openssl, "req", "-x509", "-config", str(self._config), "-extensions", extensions, "-nodes"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", str(DAYS)]
        command += ["-subj", f"/CN={name}", "-keyout", str(files.key), "-out", str(files.certificate), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PlatformError(
                f"openssl could not make the certificate of {name} ({done.stderr.strip().splitlines()[-1]}); it has to "
                "be OpenSSL 3 or newer."
            )
        files.key.chmod(0o600)
