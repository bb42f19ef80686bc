"""Folders and files that only their owner can read, even if they existed and others could read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def private_folder(folder: Path) -> None:
    """Create the folder if needed, and close it, and what is directly in it, to other users. Raises PermissionError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for entry in folder.iterdir():
        if not entry.is_symlink():
            entry.chmod(0o700 if entry.is_dir() else 0o600)


def private_file(path: Path) -> BinaryIO:
    """The file, emptied, for writing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # one that exists keeps its mode otherwise
    return os.fdopen(descriptor, "wb")
