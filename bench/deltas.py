"""CPU per streamed delta: our client against the SDK's event objects, `python bench/deltas.py`.

A server in its own process replays the bytes of one long answer, in chunks of 16 kB and in one chunk per event. Both
clients read it in turns, everything included: HTTP, decoding, retries, the tool loop and the journal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import openai

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from chat.llm.client import LLMClient  # noqa: E402 - the script runs from anywhere
from chat.llm.events import TextDelta  # noqa: E402

WORDS = ("the ", "answer ", "to ", "every", "thing", " is", " forty", "-two", ", ", "smørbrød ")
CHUNK_BYTES = 16 * 2**10
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-request-id: req_1\r\n\r\n"
)
MODEL = "gpt-6-luna"

Reader = Callable[[], Awaitable[int]]


def events(deltas: int) -> Iterator[bytes]:
    """An answer with this number of deltas, as the real API streams it."""
    text = "".join(WORDS[number % len(WORDS)] for number in range(deltas))
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": deltas,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": deltas + 10,
    }
    response = {
        "id": "resp_1", "object": "response", "created_at": 0, "status": "in_progress", "model": MODEL, "output": [],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "metadata": {}, "usage": None,
    }  # fmt: skip
    bodies = [
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *(
            {"type": "response.output_text.delta", **place, "delta": WORDS[number % len(WORDS)], "logprobs": []}
            for number in range(deltas)
        ),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {
            "type": "response.completed",
            "response": {**response, "status": "completed", "output": [item], "usage": usage},
        },
    ]
    for number, body in enumerate(bodies):
        yield b"event: %b\ndata: %b\n\n" % (
            str(body["type"]).encode(),
            json.dumps({**body, "sequence_number": number}, separators=(",", ":")).encode(),
        )


def chunked(parts: Iterator[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def _head(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request; empty when the client has left."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        return await reader.readuntil(b"\r\n\r\n")
    return b""


def serve(pipe: Connection, deltas: int) -> None:
    """Replay until killed; the path selects the chunks."""
    whole = b"".join(events(deltas))
    bodies = {
        b"/16kB/": chunked(whole[at : at + CHUNK_BYTES] for at in range(0, len(whole), CHUNK_BYTES)),
        b"/event/": chunked(events(deltas)),
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            writer.write(HEAD + next(body for path, body in bodies.items() if path in head))
            await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def read_ours(llm: LLMClient) -> int:
    count = 0
    async with aclosing(llm.stream("hello")) as stream:
        async for event in stream:
            count += isinstance(event, TextDelta)
    return count


async def read_sdk(sdk: openai.AsyncOpenAI) -> int:
    count = 0
    async for event in await sdk.responses.create(model=MODEL, input="hello", stream=True, store=False):
        count += event.type == "response.output_text.delta"
    return count


@asynccontextmanager
async def readers(base_url: str) -> AsyncIterator[dict[str, Reader]]:
    """Both readers, warmed up."""
    sdk = openai.AsyncOpenAI(api_key="bench", base_url=base_url, max_retries=0)
    async with sdk, LLMClient(api_key="bench", base_url=base_url, model=MODEL, max_output_tokens=10**6) as llm:
        both: dict[str, Reader] = {"ours": partial(read_ours, llm), "sdk": partial(read_sdk, sdk)}
        for read in both.values():
            await read()
        yield both


async def cpu_seconds(read: Reader, deltas: int) -> float:
    gc.collect()
    before = time.process_time()
    count = await read()
    spent = time.process_time() - before
    if count != deltas:
        raise SystemExit(f"Expected {deltas} deltas, got {count}")
    return spent


async def measure(port: int, deltas: int, rounds: int) -> None:
    """Print microseconds of CPU per delta: the median of the rounds, and the range."""
    print(f"{'chunks':<8}{'ours µs/delta':>24}{'SDK µs/delta':>24}{'ratio':>8}")  # noqa: T201
    for path, name in (("16kB", "16 kB"), ("event", "1 event")):
        async with readers(f"http://127.0.0.1:{port}/{path}/v1") as both:
            spent: dict[str, list[float]] = {"ours": [], "sdk": []}
            for _ in range(rounds):
                for who, read in both.items():
                    spent[who].append(await cpu_seconds(read, deltas) / deltas * 1e6)
        ours, sdk = (statistics.median(spent[who]) for who in ("ours", "sdk"))
        cells = [
            f"{statistics.median(one):.2f} ({min(one):.2f}-{max(one):.2f})" for one in (spent["ours"], spent["sdk"])
        ]
        print(f"{name:<8}{cells[0]:>24}{cells[1]:>24}{sdk / ours:>7.1f}x")  # noqa: T201


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python bench/deltas.py", description=__doc__)
    parser.add_argument("--deltas", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, arguments.deltas), daemon=True)
    server.start()
    python = f"Python {platform.python_version()}, openai {version('openai')}"
    print(f"{arguments.deltas} deltas, {arguments.rounds} rounds; {python}, {cpu_model()}\n")  # noqa: T201
    asyncio.run(measure(ours.recv(), arguments.deltas, arguments.rounds))
    server.terminate()


if __name__ == "__main__":
    main()
