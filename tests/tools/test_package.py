"""Every module of `chat.tools` is offered, and the README's recipe makes a tool."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path
from typing import Any

import chat.tools
from chat.llm.tools import Registry
from chat.tools import load

README = Path(__file__).parents[2] / "README.md"


async def test_the_example_of_the_readme_is_a_tool() -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example
    module: dict[str, Any] = {"__name__": "dice"}
    exec(example[1], module)

    registry = Registry([module["roll_dice"]])
    assert (await registry.dispatch("roll_dice", '{"sides": 1}')).output == "1"
    assert (await registry.dispatch("roll_dice", '{"sides": 0}')).output == "A die has at least one side."
    assert not registry.is_idempotent("roll_dice")


def test_every_module_of_the_package_is_offered_and_has_a_test() -> None:
    modules = {module.name for module in pkgutil.iter_modules(chat.tools.__path__)}
    offered = {item.function.__module__.rpartition(".")[2] for item in load().tools}
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert modules == offered
    assert modules <= tests
