"""What processes have used, from /proc, and how quiet the machine is."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
# Fields of /proc/PID/stat after the program's name, and of a line of /proc/stat after its name.
PARENT, CHILDREN_TIMES = 1, slice(13, 15)
IDLE, IOWAIT, STEAL, GUEST = 3, 4, 7, 8


@dataclass(frozen=True, slots=True)
class Core:
    """Seconds of one core since the machine's start."""

    busy: float
    stolen: float

    @classmethod
    def read(cls, number: int) -> Core:
        """Of the core with this number."""
        for line in (PROC / "stat").read_text().splitlines():
            name, _, rest = line.partition(" ")
            if name == f"cpu{number}":
                fields = [int(field) / TICKS for field in rest.split()]
                return cls(sum(fields[:GUEST]) - fields[IDLE] - fields[IOWAIT] - fields[STEAL], fields[STEAL])
        raise SystemExit(f"There is no core {number}")

    def __sub__(self, other: Core) -> Core:
        return Core(self.busy - other.busy, self.stolen - other.stolen)


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The processes that this one has started and that still run."""
    pids = [int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit()]
    return [one for one in pids if (fields := _stat(one)) and int(fields[PARENT]) == pid]


def tree(pid: int) -> list[int]:
    """The process and everything below it."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of these processes and what they started, also of what has ended since."""
    trees = [one for pid in pids for one in tree(pid)]
    return sum(_running_seconds(pid) + _ended_seconds(pid) for pid in trees)


def _running_seconds(pid: int) -> float:
    """Of the threads that still run, in nanoseconds: the other counters have steps of ten milliseconds."""
    total = 0
    for task in (PROC / str(pid) / "task").glob("*"):
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def _ended_seconds(pid: int) -> float:
    """Of the children that have ended."""
    return sum(int(field) for field in _stat(pid)[CHILDREN_TIMES]) / TICKS


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_KIB / 1024


def descriptors(pids: Iterable[int]) -> int:
    """Open files and sockets of these processes and what they started."""
    return sum(len(list((PROC / str(pid) / "fd").iterdir())) for root in pids for pid in tree(root))


class Quiet:
    """Watches the two cores for work that is not ours: `served` has server and stores, `loaded` model and load."""

    def __init__(self, cores: tuple[int, int]) -> None:
        self._cores = cores

    def look(self, ours: float = 0.0) -> Look:
        """Begin; `ours` is what our own processes have used so far on the server's core."""
        return Look(time.monotonic(), [Core.read(one) for one in self._cores], ours)

    def foreign_percent(self, since: Look, ours: float = 0.0) -> tuple[float, float, float]:
        """Percent of the server's core that others used, of both that was stolen, and of the load's core in use."""
        seconds = time.monotonic() - since.at
        served, loaded = (Core.read(one) - before for one, before in zip(self._cores, since.cores, strict=True))
        foreign = max(0.0, served.busy - (ours - since.ours))
        stolen = max(served.stolen, loaded.stolen)
        return 100 * foreign / seconds, 100 * stolen / seconds, 100 * loaded.busy / seconds


@dataclass(frozen=True, slots=True)
class Look:
    """The cores at one moment."""

    at: float
    cores: list[Core]
    ours: float
