"""`chat shell`: code of one's own with everything of the site at hand, and a prompt that awaits."""

from __future__ import annotations

import asyncio
import os
import pty
import sysconfig
from pathlib import Path

from chat.models import User
from tests.support.cast import Person
from tests.support.programs import PROMPTLY_SECONDS, run_chat

SHELL = (Path(sysconfig.get_path("scripts"), "chat"), "shell")


async def test_code_finds_rows_queries_and_the_model(alice: Person, environment: dict[str, str]) -> None:
    code = f"""
user = await User.get(email={alice.email!r})
print(user.email, (await query("SELECT count(*) AS found FROM users WHERE id = $1", user.id))[0]["found"])
result = await llm.call("say Hello")
print(result.text, settings.log_level, await redis.ping(), sorted(tools.names) if hasattr(tools, "names") else "")
async with in_transaction():
    user.display_name = "By hand"
    await user.save()
"""
    done, said, errors = await run_chat(environment, "shell", "-c", code)

    assert (done, errors) == (0, "")
    assert said.splitlines()[0] == f"{alice.email} 1"
    assert said.splitlines()[1].startswith("Hello WARNING True")
    assert (await User.get(email=alice.email)).display_name == "By hand"


async def test_a_script_on_standard_input_ends_as_it_says(environment: dict[str, str], migrated: None) -> None:
    async def run(script: str) -> tuple[int | None, str, str]:
        program = await asyncio.create_subprocess_exec(
            *SHELL,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PROMPTLY_SECONDS):
            output, errors = await program.communicate(script.encode())
        return program.returncode, output.decode(), errors.decode()

    told, broken, wrong = await asyncio.gather(
        run("print(await User.filter(email='nobody@example.com').count())\nraise SystemExit(3)"),
        run("x = 1\nawait query('SELECT nonsense')"),
        run("x = = 1"),
    )

    assert told == (3, "0\n", "")
    assert (broken[0], broken[1]) == (1, "")
    assert 'column "nonsense" does not exist' in broken[2].splitlines()[-1]
    assert (wrong[0], wrong[1]) == (1, "")
    assert "SyntaxError" in wrong[2]


async def test_the_prompt_says_what_is_there_awaits_and_survives_mistakes(
    alice: Person, environment: dict[str, str]
) -> None:
    ours, theirs = pty.openpty()
    program = await asyncio.create_subprocess_exec(
        *SHELL, env={**os.environ, **environment, "TERM": "dumb"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    typed = f"who = await User.get(email='{alice.email}')\n1 / 0\nwho.email.upper()\nexit()\n"
    os.write(ours, typed.encode())
    shown = await asyncio.to_thread(_everything, ours)
    async with asyncio.timeout(PROMPTLY_SECONDS):
        assert await program.wait() == 0

    assert "await llm.call(" in shown, "the banner"
    assert "ZeroDivisionError: division by zero" in shown
    assert alice.email.upper() in shown


def _everything(terminal: int) -> str:
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return shown.decode()
