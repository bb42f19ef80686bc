"""`make bench` works: the smallest load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SMALLEST = [
    *("stream", "arrivals", "pages", "--users", "2", "--tabs", "2", "--deltas", "5", "--burst", "2"),
    *("--arriving", "4", "--messages", "60", "--seconds", "0.4"),
]


@pytest.mark.timeout(150)
@pytest.mark.skipif(sys.platform != "linux", reason="it measures as only Linux can")
def test_the_smallest_bench_measures_whole_answers_of_the_site_and_the_floor(tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    command = [sys.executable, "-m", "bench.load", *SMALLEST, "--json", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text())["rows"]
    assert {row["server"] for row in rows} == {"floor", "now"}
    assert {row["failures"] for row in rows if "failures" in row} == {0}, rows
    by_what = {(row["what"], row["server"]): row for row in rows}
    assert by_what["One question at a time", "now"]["commits"] >= 1
    assert by_what["4 tabs arrive at once", "now"]["served"] == 4
    assert by_what["The page of a chat with 60 messages", "now"]["statements"] >= 1
    assert by_what["2 answers at once, tabs of each: 2", "now"]["delta, times the floor"] != 0
    assert "times the floor" in done.stdout
