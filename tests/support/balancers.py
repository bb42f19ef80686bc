"""The examples of deploy/, run by a real nginx or Caddy on a free port in front of sites of the tests."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chat.checkout import ROOT

EXAMPLES = {"nginx": ROOT / "deploy" / "nginx.conf", "caddy": ROOT / "deploy" / "Caddyfile"}
START_SECONDS = 10
CADDY_ALONE = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"  # it takes no other port
PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")  # where nginx keeps what is too large for memory


def installed(kind: str) -> bool:
    """Whether the program is there, and `openssl` for its certificate."""
    return all(shutil.which(name) for name in (kind, "openssl"))


def unverified() -> ssl.SSLContext:
    """For a certificate that is signed by itself."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def verified(kind: str, folder: Path, *, internal: bool = False) -> ssl.SSLContext:
    """For the certificate of the balancer in this folder alone; `internal`: that of Caddy's own authority."""
    root = folder / "caddy/pki/authorities/local/root.crt" if internal else folder / "cert.pem"
    deadline = time.monotonic() + START_SECONDS
    while not root.exists():
        assert time.monotonic() < deadline, f"{kind} has made no certificate: {folder}/balancer.log says why"
        time.sleep(0.1)  # Caddy says nothing when it has made one
    return ssl.create_default_context(cafile=root)


@contextmanager
def balancer(
    kind: str, folder: Path, port: int, hosts: Sequence[int], *, example: str = "", internal: bool = False
) -> Iterator[None]:
    """The proxy at https://localhost:PORT, before these ports of 127.0.0.1; `example` takes the place of the file.

    Its certificate is signed by itself, or, with `internal`, by an authority that Caddy makes for itself.
    """
    _certify(folder)
    text = _placed(example or EXAMPLES[kind].read_text(), folder, port, hosts)
    if internal:
        text = text.replace(f"tls {folder / 'cert.pem'} {folder / 'key.pem'}", "tls internal")
    config = folder / EXAMPLES[kind].name
    config.write_text(_contained(text, folder) if kind == "nginx" else CADDY_ALONE + text)
    given = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "balancer.log").open("wb") as log:
        running = subprocess.Popen(_command(kind, folder, config), stdout=log, stderr=log, env=given)
    try:
        yield
    finally:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(10)
        running.kill()
        running.wait()


def _command(kind: str, folder: Path, config: Path) -> list[str]:
    if kind == "caddy":
        return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
    log = str(folder / "error.log")
    return ["nginx", "-p", str(folder), "-c", str(config), "-e", log, "-g", f"daemon off; pid {folder}/nginx.pid;"]


def _certify(folder: Path) -> None:
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    made += " -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*made.split(), *files], check=True, capture_output=True)


def _placed(text: str, folder: Path, port: int, hosts: Sequence[int]) -> str:
    """With this machine's names, ports and files in the place of the example's."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    second = f"127.0.0.1:{hosts[1]}" if hosts[1:] else ""
    for pattern, here in (
        (r"/etc/ssl/chat\.example\.com\.pem", str(cert)),
        (r"/etc/ssl/chat\.example\.com\.key", str(key)),
        (r"\$host;", "$http_host;"),  # the port is not 443
        (r"listen 80;", ""),
        (r"listen 443 ssl( http2)?;", f"listen 127.0.0.1:{port} ssl;"),
        (r"(?m)^\{\$CHAT_SITE:chat\.example\.com\} \{", f"https://localhost:{port} {{\n\ttls {cert} {key}"),
        (r"chat\.example\.com", "localhost"),
        (r"127\.0\.0\.1:8001", f"127.0.0.1:{hosts[0]}"),
        ("" if second else r"server 127\.0\.0\.1:8002[^;]*;", ""),
        (r"127\.0\.0\.1:8002", second),
    ):
        text = re.sub(pattern, here.replace("\\", r"\\"), text) if pattern else text
    return re.sub(r"(?s)    server \{\s*server_name[^{}]*return 301[^{}]*\}", "", text)


def _contained(text: str, folder: Path) -> str:
    """nginx as any user: its own files are in the folder."""
    for name in PLACES:
        (folder / name).mkdir(exist_ok=True)
    kept = " ".join(f"{name}_temp_path {folder / name};" for name in PLACES)
    text = re.sub(r"access_log \S+", f"access_log {folder}/access.log", text)
    return text.replace("http {", f"http {{ {kept}", 1)
