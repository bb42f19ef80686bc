"""This machine: the built files, the limit on open files, and the disk."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chat.checkout import ROOT
from chat.cli.doctor.findings import Finding, ok, problem, warning

BUILD, FILES, DISK = "static files", "open files", "disk"
BUILT = "dist/compressed.json"  # the last file of a build: the hashes of the others
ENOUGH_FILES = 4096
LEAST_FREE_BYTES = 500 * 1024 * 1024
MEGABYTE = 1024 * 1024
REBUILD = "run `npm ci && npm run build`"


def check_build(root: Path = ROOT) -> Finding:
    """Whether scripts and styles were built completely, and after the newest change of their sources."""
    static = root / "static"
    try:
        built = json.loads((static / BUILT).read_text())
        wrong = [name for name, hashes in built.items() if not _is_intact(static / name, hashes["identity"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return problem(BUILD, "scripts and styles are not built, so pages have neither", REBUILD)
    if wrong or "dist/app.js" not in built:
        return problem(BUILD, f"the build is incomplete: {(wrong or ['dist/app.js'])[0]}", REBUILD)
    sources = [path for folder in ("static/src", "templates") for path in (root / folder).rglob("*") if path.is_file()]
    newest = max(sources, key=lambda path: path.stat().st_mtime, default=None)
    if newest and newest.stat().st_mtime > (static / BUILT).stat().st_mtime:
        return warning(BUILD, f"{newest.relative_to(root)} is newer than the build", REBUILD)
    return ok(BUILD, f"{len(built)} built files")


def _is_intact(file: Path, digest: str) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest().startswith(digest)


def check_files() -> Finding:
    """Each tab holds a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < ENOUGH_FILES:
        says = f"a process may open {soft:,} files, and each open tab needs one"
        return warning(FILES, says, f"set `ulimit -n {max(hard, ENOUGH_FILES)}`, or LimitNOFILE in its systemd unit")
    return ok(FILES, f"{soft:,} for each process" if soft >= 0 else "no limit")


def check_disk() -> Iterator[Finding]:
    """The log, downloads and the embedded stores need some."""
    free = min(shutil.disk_usage(folder).free for folder in (Path.cwd(), ROOT, tempfile.gettempdir()))
    if free < LEAST_FREE_BYTES:
        yield warning(DISK, f"{free // MEGABYTE:,} MB are free", "make room: logs and temporary files need some")
    else:
        yield ok(DISK, f"{free // MEGABYTE:,} MB free")
