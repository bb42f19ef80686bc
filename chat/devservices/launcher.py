"""Exec a program that ends with its parent: `python -I -S launcher.py PARENT SIGNAL UID:GID COMMAND…`."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, last_signal: str, account: str, *command: str) -> None:
    """Do the work between fork and exec in a separate program: little is safe after a fork with threads."""
    if account != "-":
        _become(*map(int, account.split(":")))
    if sys.platform == "linux":
        # setuid clears this setting and exec keeps it, so it comes between them.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(last_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent ended before its child started")
    os.execv(command[0], command)  # noqa: S606


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    main(*sys.argv[1:])
