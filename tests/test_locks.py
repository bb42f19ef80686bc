"""The lock files match their manifests, by content: a fresh checkout has no useful file times."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
# Each lock with the groups that its line in the Makefile names; "" is the package itself.
LOCKS = {
    "requirements.txt": ("",),
    "requirements-dev.txt": ("", "services"),
    "requirements-test.txt": ("", "services", "test"),
    "requirements-local.txt": ("local",),
    "requirements-audit.txt": ("audit",),
}
PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\\n((?: +--hash=.*\n)+)((?: +#.*\n?)+)", re.MULTILINE)
ASKED_FOR = re.compile(r"chat \(pyproject\.toml(?::\w+)?\)")


class Pin(NamedTuple):
    """One package of a lock."""

    version: str
    marker: str
    is_asked_for: bool  # by pyproject.toml, not only by another package


def manifest() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())


def requirements(groups: tuple[str, ...]) -> list[Requirement]:
    found = manifest()
    named = {"": found["project"]["dependencies"], **found["dependency-groups"]}
    return [Requirement(line) for group in groups for line in named[group]]


def pins(lock: str) -> dict[str, Pin]:
    text = (PROJECT / lock).read_text()
    found = {canonicalize_name(name): Pin(version, marker, bool(ASKED_FOR.search(why)))
             for name, version, marker, _, why in PIN.findall(text)}  # fmt: skip
    assert len(found) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)), "each has hashes, and who asked for it"
    return found


def package(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PROJECT / name).read_text())
    return found


@pytest.mark.parametrize(("lock", "groups"), LOCKS.items(), ids=LOCKS)
def test_a_lock_has_what_pyproject_asks_for_and_nothing_else(lock: str, groups: tuple[str, ...]) -> None:
    """Run `make lock` after a change of pyproject.toml."""
    locked, wanted = pins(lock), {canonicalize_name(one.name): one for one in requirements(groups)}

    assert {name for name, pin in locked.items() if pin.is_asked_for} == set(wanted)
    for name, requirement in wanted.items():
        assert requirement.specifier.contains(locked[name].version, prereleases=True), requirement
        assert locked[name].marker.replace("'", '"') == str(requirement.marker or ""), requirement


def test_every_group_is_locked() -> None:
    assert {group for groups in LOCKS.values() for group in groups} == {"", *manifest()["dependency-groups"]}


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock != "requirements-test.txt"])
def test_the_locks_agree_with_each_other(lock: str) -> None:
    """They are installed into one environment."""
    tested = pins("requirements-test.txt")
    differing = {name: (pin.version, tested[name].version) for name, pin in pins(lock).items()
                 if name in tested and tested[name].version != pin.version}  # fmt: skip

    assert differing == {}
    if lock in ("requirements.txt", "requirements-dev.txt"):
        assert set(pins(lock)) <= set(tested)


def test_the_lock_has_what_its_packages_require() -> None:
    """Locks are installed without looking at requirements, so a wrong version would go unnoticed."""
    locked = pins("requirements-test.txt")
    for name, pin in locked.items():
        for line in _required_by(name, pin):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                other = locked[canonicalize_name(requirement.name)]
                assert requirement.specifier.contains(other.version, prereleases=True), f"{name} requires {line}"


def _required_by(name: str, pin: Pin) -> list[str]:
    """From the installed package, if it is the locked one: elsewhere, some are for other systems."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return []
    return found.requires or [] if found.version == pin.version else []


def test_the_node_lock_has_what_package_json_asks_for() -> None:
    """Run `make lock` after a change of package.json."""
    wanted, locked = package("package.json"), package("package-lock.json")["packages"]

    for kind in ("dependencies", "devDependencies"):
        assert locked[""][kind] == wanted[kind]
    assert {
        name for name, one in locked.items() if name and not one.get("integrity") and not one.get("inBundle")
    } == set()


def test_the_versions_in_the_node_lock_satisfy_every_package(tmp_path: Path) -> None:
    """npm's own comparison, which nothing is downloaded for."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    checked = subprocess.run(["npm", "ci", "--dry-run", "--offline"], check=False, cwd=tmp_path, capture_output=True)

    assert checked.returncode == 0, checked.stderr.decode()


def test_workflows_pin_actions_by_commit_and_run_targets_that_exist() -> None:
    """A tag can be moved to other code, which would run with the rights of the workflow."""
    targets = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for workflow in (PROJECT / ".github" / "workflows").iterdir():
        text = workflow.read_text()
        used = re.findall(r"uses: (.+)", text)
        assert used
        assert [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", one)] == []
        assert set(re.findall(r"make ([\w-]+)", text)) <= targets
        assert "\npermissions:\n  contents: read\n" in text


def test_both_manifests_have_one_version() -> None:
    assert package("package.json")["version"] == manifest()["project"]["version"]


def test_no_lock_names_a_registry() -> None:
    """Everybody installs from the registry of their own configuration."""
    assert [lock for lock in LOCKS if "://" in (PROJECT / lock).read_text()] == []
    assert not any("resolved" in one for one in package("package-lock.json")["packages"].values() if "link" not in one)
