"""The checkout that the package runs from: templates, static files and migrations lie beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "templates"
MIGRATIONS = ROOT / "migrations"
FOLDERS = ("templates", "static", "migrations")


def missing_folders(root: Path = ROOT) -> str:
    """What is missing and what to do about it; empty if everything is there.

    A wheel holds the package alone, and aerich takes a folder that does not exist for one without migrations.
    """
    missing = [name for name in FOLDERS if not (root / name).is_dir()]
    if not missing:
        return ""
    return (
        f"{', '.join(missing)} not found in {root}: the chat package was installed without its checkout. "
        "Run `pip install --no-deps --no-build-isolation -e .` in the checkout, and start from there."
    )
