"""A server that answers everything in one given way, and the lists of models of real servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

LLAMA_CPP = {  # b6000 and later: both lists at once
    "object": "list",
    "models": [{"name": "gemma-3", "model": "gemma-3", "capabilities": ["completion", "multimodal"]}],
    "data": [
        {
            "id": "gemma-3",
            "owned_by": "llamacpp",
            "meta": {"n_vocab": 262144, "n_ctx": 2048, "n_ctx_train": 32768},
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        }
    ],
}
VLLM = {"object": "list", "data": [{"id": "qwen", "owned_by": "vllm", "root": "Qwen/Qwen3", "max_model_len": 40960}]}
OPENROUTER = {
    "data": [
        {
            "id": "mistralai/mistral-medium-3.1",
            "context_length": 131072,
            "architecture": {"input_modalities": ["text", "image"]},
            "pricing": {"prompt": "0.0000004", "completion": "0.000002", "input_cache_read": "0.00000004"},
            "top_provider": {"context_length": 131072, "max_completion_tokens": None},
            "supported_parameters": ["max_tokens", "tools"],
        },
        {"id": "openrouter/auto", "context_length": 2000000, "pricing": {"prompt": "-1", "completion": "-1"}},
    ]
}
OPENAI = {"object": "list", "data": [{"id": "gpt-6-luna", "object": "model", "created": 1, "owned_by": "system"}]}


def response(body: bytes | Any, *, status: str = "200 OK", head: str = "content-type: application/json") -> bytes:
    """A whole response; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = f"content-length: {len(content)}\r\n" if "length" not in head else ""
    return f"HTTP/1.1 {status}\r\n{head}\r\n{length}connection: close\r\n\r\n".encode() + content


class ListServer:
    """Where it is, and the requests that it got."""

    def __init__(self) -> None:
        self.base_url = ""
        self.requests: list[str] = []


@asynccontextmanager
async def answering(*pieces: bytes, stays_open: bool = False) -> AsyncIterator[ListServer]:
    """A server that answers every request by these pieces; then it closes the connection, or says nothing more."""
    server = ListServer()
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if stays_open:
                await gone.wait()
        except ConnectionError:  # the client has read enough
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        server.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        yield server
        gone.set()
