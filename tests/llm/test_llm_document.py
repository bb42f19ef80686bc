"""The examples of docs/llm.md run one after the other, as in one shell."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chat.llm import client
from tests.support import patches
from tests.support.llm import PRICES

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "llm.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


async def run(example: str, shell: dict[str, Any]) -> None:
    """As `python -m asyncio` does."""
    code = compile(example, "docs/llm.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    work = eval(code, shell)
    if inspect.isawaitable(work):
        await work


async def test_the_examples_for_a_shell_run(
    offline_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patches.LLM_CLIENT.replace(monkeypatch, partial(client.LLMClient, base_url=offline_url, prices=PRICES))
    shell: dict[str, Any] = {}
    for example in EXAMPLES[:-1]:
        await run(example, shell)
    await shell["llm"].close()
    printed = capsys.readouterr().out

    assert printed.startswith("hello ")
    assert "2 messages from you" in printed
    assert "A long answer" in printed
    assert "7421" in printed
    assert "Bergen in Norway" in printed
    assert "local gemma-3" in printed
    assert "unauthorized" in printed
    assert "ledger" not in shell


async def test_the_example_with_the_ledger_runs_and_is_recorded(environment: dict[str, str], migrated: None) -> None:
    """Run in a separate process: a process opens its database once."""
    assert "ledger.model_client(settings)" in EXAMPLES[-1]
    shell = (
        "import ast, asyncio; asyncio.run(eval(compile({!r}, 'docs/llm.md', 'exec', ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", shell.format(EXAMPLES[-1])),
        cwd=PROJECT,
        env={**os.environ, **environment, "LLM_PRICES": "gpt-6-luna=0.1/0.01/0.5"},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    database = await asyncpg.connect(environment["DATABASE_URL"])
    costs = await database.fetch("SELECT cost FROM llm_call_log WHERE caller = 'shell' AND status = 'completed'")
    await database.close()

    assert [row["cost"] for row in costs] == [Decimal(printed.decode())]
    assert costs[0]["cost"] > 0
