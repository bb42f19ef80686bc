"""Certificates of a test's own authority, which nothing trusts by itself."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def new_certificate(folder: Path, *names: str) -> Path:
    """A new self-signed certificate for these names (`DNS:…`, `IP:…`), with its key; without it in `….crt`."""
    path = folder / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=server.test"
    subprocess.run(
        [*command.split(), "-addext", f"subjectAltName={','.join(names)}", "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    """A server with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
