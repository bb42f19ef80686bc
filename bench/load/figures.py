"""Figures, and how they are shown: a table for people, JSON for everything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
PERCENTILES = (50, 95, 99)
NOISY_PERCENT = 5.0  # of a core, used by something else or stolen by the host
LIMITS = (100, 10, 1)  # from these on, a number is shown with no, one or two decimals; below, with three


def percentiles(name: str, seconds: Iterable[float]) -> Figures:
    """Milliseconds."""
    found = sorted(seconds)
    if not found:
        return {}
    last = len(found) - 1
    return {f"{name} p{one}": 1000 * found[min(last, len(found) * one // 100)] for one in PERCENTILES}


class Report:
    """All figures, each under the name of what was measured and of the server."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, Figures]] = []

    def add(self, what: str, server: str, figures: Figures) -> None:
        """Figures of one measurement; a repetition is another row."""
        self.rows.append((what, server, figures))

    def table(self) -> str:
        """One table for each thing that was measured, with a column for each server: the median of its repetitions."""
        return "\n\n".join(self._part(what) for what in dict.fromkeys(what for what, _, _ in self.rows))

    def _part(self, what: str) -> str:
        servers = list(dict.fromkeys(server for one, server, _ in self.rows if one == what))
        columns = {server: self._median(what, server) for server in servers}
        names = list(dict.fromkeys(name for column in columns.values() for name in column))
        lines = [[what, *servers], *([name, *(_shown(columns[one].get(name)) for one in servers)] for name in names)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(servers) + 1)]
        return "\n".join(
            line[0].ljust(widths[0])
            + "".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
            for line in lines
        )

    def _median(self, what: str, server: str) -> Figures:
        repeated = [figures for one, name, figures in self.rows if (one, name) == (what, server)]
        names = dict.fromkeys(name for figures in repeated for name in figures)
        return {name: _middle([figures[name] for figures in repeated if name in figures]) for name in names}

    def write(self, path: Path, about: Figures) -> None:
        """Everything as JSON."""
        rows = [{"what": what, "server": server, **figures} for what, server, figures in self.rows]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


def _middle(values: Sequence[Any]) -> Any:
    return sorted(values, key=str if isinstance(values[0], str) else float)[len(values) // 2]


def _shown(value: Any) -> str:
    """With three digits that count."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.{next((digits for digits, limit in enumerate(LIMITS) if abs(value) >= limit), len(LIMITS))}f}"
