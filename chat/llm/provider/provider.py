"""The provider, asked once: one request in, a stream of events out, and no exception for what goes wrong there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import openai
from msgspec.structs import replace

from chat.llm.events import Event, Failed
from chat.llm.provider import failures
from chat.llm.provider.reader import ResponseReader

if TYPE_CHECKING:
    from openai._response import AsyncAPIResponse

logger = logging.getLogger(__name__)

OPENAI_BASE_URL = "https://api.openai.com/v1"
KEEPALIVE_CONNECTIONS = 20  # the pool is searched at every request, so idle connections are not free
KEEPALIVE_SECONDS = 30.0
CANCEL_SECONDS = 5.0
SECRET_CHARACTERS = 8  # a shorter key is any word for a server that asks for none
AFTERGLOW_SECONDS = 0.2  # how long the end of a finished body is waited for, so that its connection can be used again


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model; `input` and `tools` are items of the Responses API, `metadata` is sent as it is."""

    model: str
    input: tuple[dict[str, Any], ...]
    max_output_tokens: int
    instructions: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    output_format: dict[str, Any] | None = None  # a JSON schema that the answer has to fit, as the API wants it
    reasoning_effort: str = ""
    metadata: dict[str, str] = {}
    background: bool = False
    timeout_seconds: float = 0  # of this request; 0: the provider's limit

    @property
    def calls(self) -> set[str]:
        """The ids of the calls that it tells of."""
        return {str(item.get("call_id")) for item in self.input if item.get("type") == "function_call"}


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call goes on that another process began: in the round with that number, after that event of its run."""

    response_id: str
    sequence: int  # of the last event that was read
    number: int = 1
    text: str = ""  # that the round had given by then
    so_far: tuple[dict[str, Any], ...] = ()  # the items of the rounds before it


class ProviderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long is waited for what, in seconds, and how many calls can run at once."""

    connect_seconds: float = 5
    write_seconds: float = 10
    pool_seconds: float = 5
    silence_seconds: float = 90  # without a byte, also before the first
    total_seconds: float = 15 * 60
    max_connections: int = 1000


class Provider:
    """A server of the Responses API. Make one for each process, and close it."""

    def __init__(self, *, api_key: str, base_url: str = "", limits: ProviderLimits | None = None) -> None:
        if not (api_key.isascii() and api_key.isprintable()):  # like the "…" of an example
            raise ValueError("The API key has a character that no key has: copy it again.")
        if base_url and not base_url.startswith(("http://", "https://")):
            raise ValueError(f"The address {base_url!r} has to start with http:// or https://, like https://host/v1.")
        self._key = api_key
        self._limits = limits or ProviderLimits()
        # Everything is said here, because what is not is read from the environment by the SDK.
        self._openai = openai.AsyncOpenAI(
            api_key=api_key or "none",
            base_url=base_url or OPENAI_BASE_URL,
            max_retries=0,
            http_client=_http_client(self._limits),
        )

    def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Events as they come; the last one is Completed or Failed. Cancelling or closing it ends the run at once.

        Wrap it in `contextlib.aclosing` where the loop can be left early.
        """
        create = self._openai.responses.with_streaming_response.create
        total_seconds = request.timeout_seconds or self._limits.total_seconds
        return self._events(partial(create, **_arguments(request)), total_seconds, ResponseReader(taken=request.calls))

    def resume(self, response_id: str, *, sequence: int, taken: Iterable[str] = ()) -> AsyncGenerator[Event, None]:
        """What a background run gives after the event with that number; like `stream`, and a failure is Code.CUT.

        `taken` are ids of calls that its request told of.
        """
        retrieve = partial(self._openai.responses.with_streaming_response.retrieve, response_id, stream=True)
        open_response = partial(retrieve, starting_after=sequence) if sequence >= 0 else retrieve
        return self._events(open_response, self._limits.total_seconds, ResponseReader(sequence=sequence, taken=taken))

    async def cancel(self, response_id: str) -> None:
        """End a background run, which hanging up does not. One that is over or unknown is none of our business."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._openai.responses.cancel(response_id)
        except (openai.OpenAIError, httpx2.HTTPError, TimeoutError) as error:
            logger.warning("A run at the provider was not cancelled: %r", error)

    async def warm_up(self) -> None:
        """Do once, before anybody waits, what stalls the loop for 60-200 ms at the SDK's first use.

        The request goes to a socket of our own, so nothing leaves this machine and nothing is billed.
        """
        request = ModelRequest(model="warm-up", input=({"role": "user", "content": "warm-up"},), max_output_tokens=16)
        async with await asyncio.start_server(_answer_nothing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            sdk = self._openai.with_options(base_url=f"http://127.0.0.1:{port}", api_key="warm-up")
            create = sdk.responses.with_streaming_response.create
            open_response = partial(create, **_arguments(request))
            events = self._events(open_response, self._limits.total_seconds, ResponseReader())
            async with contextlib.aclosing(events):
                async for _ in events:
                    pass

    @property
    def closed(self) -> bool:
        return self._openai.is_closed()

    async def close(self) -> None:
        """Close every connection; running streams break."""
        await self._openai.close()

    async def _events(
        self,
        open_response: Callable[[], AbstractAsyncContextManager[AsyncAPIResponse[Any]]],
        total_seconds: float,
        reader: ResponseReader,
    ) -> AsyncGenerator[Event, None]:
        deadline = asyncio.get_running_loop().time() + total_seconds
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout_at(deadline):
                    response = await stack.enter_async_context(open_response())
                reader.request_id = response.headers.get("x-request-id", "")
                chunks = response.iter_bytes()
                while chunk := await self._next_chunk(chunks, deadline):
                    events = reader.feed(chunk)
                    if reader.finished:
                        await _give_back(response, chunks)
                    for event in events:
                        yield self._without_key(event) if reader.finished else event
                    if reader.finished:
                        return
        except TimeoutError:
            yield reader.broken(f"it took more than {total_seconds:g} s")
            return
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            if not reader.finished:
                yield self._without_key(failures.from_exception(error, began=reader.began))
            return
        yield reader.ended()

    def _without_key(self, event: Event) -> Event:
        """Some servers repeat a key that they refuse, and `detail` goes into logs and books."""
        if isinstance(event, Failed) and len(self._key) >= SECRET_CHARACTERS and self._key in event.detail:
            return replace(event, detail=event.detail.replace(self._key, "[the key]"))
        return event

    async def _next_chunk(self, chunks: AsyncIterator[bytes], deadline: float) -> bytes:
        """Empty at the end. It needs a timer only where the limit for silence would notice too late."""
        if asyncio.get_running_loop().time() + self._limits.silence_seconds < deadline:
            return await anext(chunks, b"")
        async with asyncio.timeout_at(deadline):
            return await anext(chunks, b"")


async def _give_back(response: AsyncAPIResponse[Any], chunks: AsyncIterator[bytes]) -> None:
    """Read the few bytes after the terminal event, so that the next call finds a warm connection, or close it."""
    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(AFTERGLOW_SECONDS):
            async for _ in chunks:
                pass
    with contextlib.suppress(httpx2.HTTPError):
        await response.close()


def _http_client(limits: ProviderLimits) -> httpx2.AsyncClient:
    return openai.DefaultAsyncHttpxClient(
        timeout=httpx2.Timeout(
            connect=limits.connect_seconds,
            read=limits.silence_seconds,
            write=limits.write_seconds,
            pool=limits.pool_seconds,
        ),
        limits=httpx2.Limits(
            max_connections=limits.max_connections,
            max_keepalive_connections=KEEPALIVE_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
    )


def _arguments(request: ModelRequest) -> dict[str, Any]:
    """What is sent: nothing empty, and nothing is stored at the provider unless the run has to go on by itself."""
    arguments: dict[str, Any] = {
        "model": request.model,
        "input": list(request.input),
        "max_output_tokens": request.max_output_tokens,
        "stream": True,
        "store": request.background,
    }
    if request.instructions:
        arguments["instructions"] = request.instructions
    if request.tools:
        arguments["tools"] = list(request.tools)
    if request.output_format:
        arguments["text"] = {"format": request.output_format}
    if request.reasoning_effort:
        arguments["reasoning"] = {"effort": request.reasoning_effort}
    if request.metadata:
        arguments["metadata"] = request.metadata
    if request.background:
        arguments["background"] = True
    return arguments


async def _answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: [DONE]\n\n")
    await writer.drain()
    writer.close()
