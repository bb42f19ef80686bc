"""Tokens are counted with bounded memory, in a process of their own that nothing outlives or breaks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chat.llm import token_table, tokens
from tests.support import patches
from tests.support.patches import TOKEN_ENCODING
from tests.support.waiting import eventually

TEXTS = ["", "hello world", "smørbrød \N{SNOWMAN}\n" * 100, "\ud800 half a pair", '"quotes" \\ and {"json": 1}']
COUNTS_ELSEWHERE = """
import asyncio, sys
from chat.llm import token_table, tokens
print(asyncio.run(tokens.count_tokens(["hello world"])), tokens.token_ids(["hello"]), token_table.is_loaded())
"""
SAYS_ITS_COUNTERS_ID = """
import sys, time
from chat.llm import tokens
tokens.prepare().result()
print(tokens._counter()._process.pid, flush=True)
time.sleep(60)  # until it is killed
"""
READS_NOTHING = """
import os, time
os.close(0)
print("closed", flush=True)
time.sleep(60)  # until it is killed
"""


class Recorded:
    """An encoding with one token for each character, and the length of each text that it was given."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def encode_ordinary(self, text: str) -> list[int]:
        self.lengths.append(len(text))
        return [0] * len(text)


def test_a_long_text_is_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = Recorded()
    TOKEN_ENCODING.replace(monkeypatch, lambda: encoding)

    assert token_table.counted(["a" * 50_001, "short", ""]) == [50_001, 5, 0]
    assert max(encoding.lengths) == token_table.MAX_PIECE


@pytest.fixture
def counter() -> tokens.Counter:
    """The process, apart from that of other tests."""
    return tokens.Counter()


def test_another_process_counts_the_same(counter: tokens.Counter) -> None:
    assert counter.count(TEXTS) == token_table.counted(TEXTS)
    long = ["word " * 100_000]
    assert counter.count(long) == token_table.counted(long)
    counter.stop()


async def test_texts_without_a_character_have_no_tokens() -> None:
    assert await tokens.count_tokens([]) == []
    assert await tokens.count_tokens(["", ""]) == [0, 0]


def test_who_counts_tokens_does_not_load_the_table() -> None:
    told = subprocess.run(
        [sys.executable, "-c", COUNTS_ELSEWHERE], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == f"[2] {[token_table.token_ids('hello')]} False\n"
    assert told.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_died_is_started_again(counter: tokens.Counter, number: signal.Signals) -> None:
    counter.start()
    first = counter._process
    assert first is not None
    os.kill(first.pid, number)
    first.wait()
    assert counter.count(["hello world"]) == [2]
    counter.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_processes_does_not_end_it(counter: tokens.Counter, number: signal.Signals) -> None:
    assert counter.count(["hello world"]) == [2]
    process = counter._process
    assert process is not None
    os.kill(process.pid, number)
    assert counter.count(["hello world"]) == [2]
    assert counter._process is process
    counter.stop()


async def test_it_ends_with_the_process_that_started_it_even_by_a_kill() -> None:
    command = [sys.executable, "-c", SAYS_ITS_COUNTERS_ID]
    program = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert program.stdout
    number = int(await program.stdout.readline())
    assert is_running(number)
    program.kill()
    await program.wait()
    await eventually(lambda: not is_running(number))


def is_running(number: int) -> bool:
    """Not a zombie either, which no one may collect in a container."""
    status = Path(f"/proc/{number}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_process_that_no_longer_reads_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request stays in the pipe's buffer, and closing the pipe fails as writing did."""
    counter = tokens._counter()
    counter.stop()
    with monkeypatch.context() as patch:
        patches.TOKEN_PROGRAM.replace(patch, [sys.executable, "-c", READS_NOTHING])
        counter.start()
    deaf = counter._process
    assert deaf is not None
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == b"closed\n"

    assert tokens._count_elsewhere(["hello world"]) == [2]
    assert deaf.returncode == -signal.SIGKILL
    assert counter._process is not deaf
    counter.stop()


def test_without_another_process_tokens_are_counted_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    patches.TOKEN_PROGRAM.replace(monkeypatch, ["/nowhere/python"])
    tokens._counter().stop()
    assert tokens._count_elsewhere(["hello world"]) == [2]
    assert "no other could be started" in caplog.text
    assert tokens.token_ids(["hello"]) == [token_table.token_ids("hello")]
