"""The connection to a provider: one request in, a stream of events out; failures there are events, not exceptions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import openai
from msgspec.structs import replace

from chat.llm.events import Event, Failed
from chat.llm.items import message_item
from chat.llm.provider import answers, chunked, connections, failures, redaction
from chat.llm.provider.adapting import Memory
from chat.llm.provider.breaker import Breaker
from chat.llm.provider.reader import ResponseReader
from chat.llm.provider.request import ModelRequest, body_of

Pace = Callable[[], Awaitable[None]]  # waits as long as nothing more should be read from the model

if TYPE_CHECKING:
    from openai._response import AsyncAPIResponse

    OpenResponse = Callable[[], AbstractAsyncContextManager[AsyncAPIResponse[Any]]]

logger = logging.getLogger(__name__)

OPENAI_BASE_URL = "https://api.openai.com/v1"
CLIENT_REQUEST_ID = "X-Client-Request-Id"  # OpenAI logs it; other servers ignore it
CANCEL_SECONDS = 5.0
PROBE_SECONDS = 5.0
EARLY_SECONDS = 0.005  # uvloop's clock has milliseconds: the timer of a limit can be that much before it
MAX_TOLD_CHARACTERS = 1000  # of a failure's detail
CUT_CHARACTERS = 100  # at the end of a detail that was cut before it was redacted: part of a repetition may be left
SECRET_CHARACTERS = 8  # a shorter key is a placeholder for servers that need none


class ProviderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Timeouts in seconds, and how many requests can run at once."""

    connect_seconds: float = 5
    write_seconds: float = 10
    pool_seconds: float = 5
    # Without a byte, also before the first one: a local model reads a long prompt for minutes.
    silence_seconds: float = 300
    total_seconds: float = 60 * 60  # a local model writes a long answer for 20 minutes and more
    max_connections: int = 1000

    @property
    def timeout(self) -> httpx2.Timeout:
        """For the HTTP client; the limit of a whole request is not among its timeouts."""
        return httpx2.Timeout(
            connect=self.connect_seconds,
            read=self.silence_seconds,
            write=self.write_seconds,
            pool=self.pool_seconds,
        )


class Provider:
    """A server of the Responses API. Make one per process and provider, and close it."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "",
        limits: ProviderLimits | None = None,
        reuse_connections: bool | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        """`breaker`: the breaker of another provider with the same server and key.

        `reuse_connections`: by default for https only. A connection to a local server costs little to open, and such
        servers close theirs at any time, which costs the next answer (llama.cpp: 4 of 12 calls in tool rounds).
        """
        if not (api_key.isascii() and api_key.isprintable()):  # like the "…" in an example
            raise ValueError("The API key contains a character that is not allowed in keys: copy it again.")
        if base_url and not base_url.startswith(("http://", "https://")):
            raise ValueError(f"The address {base_url!r} must start with http:// or https://, like https://host/v1.")
        self.base_url = base_url or OPENAI_BASE_URL
        self.address = str(httpx2.URL(self.base_url).copy_with(userinfo=b"", query=None))  # for logs
        self.memory = Memory()
        self.breaker = breaker or Breaker(self.address)
        self._secrets = _secrets(api_key)
        self._limits = limits or ProviderLimits()
        reuses = self.base_url.startswith("https://") if reuse_connections is None else reuse_connections
        self._http = connections.http_client(
            self._limits.timeout,
            max_connections=self._limits.max_connections,
            reuse=reuses,
        )
        # Every argument is given, because the SDK reads missing ones from the environment.
        self._openai = openai.AsyncOpenAI(
            api_key=api_key or "none",
            base_url=self.base_url,
            max_retries=0,
            http_client=self._http,
        )

    def stream(self, request: ModelRequest, *, pace: Pace | None = None) -> AsyncGenerator[Event, None]:
        """Events as they come; the last one is Completed or Failed. Cancelling or closing it hangs up at once.

        `pace` is awaited before each further read, which then takes all that has come by then; but not if a read takes
        a single piece, as of compressed streams.
        Use `contextlib.aclosing` if you may leave the loop early.
        """
        total_seconds = request.timeout_seconds or self._limits.total_seconds
        reader = ResponseReader(
            taken=request.calls, resumable=request.background, max_output_tokens=request.max_output_tokens
        )
        return self._events(_created(self._openai, request), total_seconds, reader, request, pace)

    def resume(
        self, response_id: str, *, sequence: int, request: ModelRequest, pace: Pace | None = None
    ) -> AsyncGenerator[Event, None]:
        """The events of a request's background run after event `sequence`; like `stream`, but a failure is Code.CUT."""
        retrieve = partial(self._openai.responses.with_streaming_response.retrieve, response_id, stream=True)
        reader = ResponseReader(sequence=sequence, taken=request.calls, resumable=True)
        open_response = partial(retrieve, starting_after=sequence) if sequence >= 0 else retrieve
        return self._events(open_response, self._limits.total_seconds, reader, request, pace)

    async def cancel(self, response_id: str) -> None:
        """Stop a background run; hanging up does not stop it. Does nothing if the run is over or unknown."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._openai.responses.cancel(response_id)
        except (openai.OpenAIError, httpx2.HTTPError, failures.Refused, TimeoutError) as error:
            logger.warning("A background run was not cancelled: %r", error)

    async def probe(self) -> None:
        """Test whether something answers at the address again, with a request that costs nothing.

        The result says little about the model, so the next request is a probe too: see `Breaker.is_back`.
        """
        headers = {"Authorization": f"Bearer {self._openai.api_key}"}
        status = 0
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                async with self._http.stream("GET", f"{self.base_url.rstrip('/')}/models", headers=headers) as response:
                    status = response.status_code
        except failures.Refused as refused:
            status = refused.status
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, RuntimeError) as error:  # the last: it was closed
            logger.debug("%s does not answer: %r", self.address, error)
        if 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self.breaker.is_back()
        else:
            self.breaker.probe_failed()

    async def warm_up(self) -> None:
        """Trigger the SDK's first-use work now, which stalls the event loop for 60-200 ms.

        The request goes to a local socket: nothing leaves this machine and nothing is billed.
        """
        request = ModelRequest(model="warm-up", input=(message_item("user", "warm-up"),), max_output_tokens=16)
        async with await asyncio.start_server(_answer_nothing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            sdk = self._openai.with_options(base_url=f"http://127.0.0.1:{port}", api_key="warm-up")
            events = self._events(_created(sdk, request), self._limits.total_seconds, ResponseReader(), request, None)
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
        self, opened: OpenResponse, seconds: float, reader: ResponseReader, request: ModelRequest, pace: Pace | None
    ) -> AsyncGenerator[Event, None]:
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout_at(deadline):
                    response = await stack.enter_async_context(opened())
                stack.callback(connections.hang_up_at(deadline, response.http_response).cancel)
                reader.request_id = response.headers.get("x-request-id", "")
                chunks = chunked.content(response.http_response)
                start = chunk = await self._next_chunk(chunks, deadline)
                if not answers.is_stream(start):
                    answer = await self._whole_body(start, chunks, deadline)
                    for event in answers.read(answer, response.headers, reader):
                        yield self._redacted(event, request)
                    return
                while chunk:
                    events = reader.feed(chunk)
                    if reader.finished:
                        await connections.drain(response.http_response, chunks, self._http)
                    for event in events:
                        yield self._redacted(event, request) if reader.finished else event
                    if reader.finished:
                        return
                    chunk = await self._next_chunk(chunks, deadline, pace)
        except TimeoutError:
            yield reader.broken(f"the request took more than {seconds:g} s")
            return
        except (openai.OpenAIError, httpx2.HTTPError, failures.Refused) as error:
            if not reader.finished:
                for event in reader.lost(failures.from_exception(error, began=reader.began)):
                    yield self._redacted(event, request)
            return
        for event in reader.ended():
            yield self._redacted(event, request)

    async def _whole_body(self, start: bytes, chunks: AsyncIterator[bytes], deadline: float) -> bytes:
        whole = bytearray(start)
        while len(whole) < answers.MAX_BYTES and (chunk := await self._next_chunk(chunks, deadline)):
            whole += chunk
        return bytes(whole)

    def _redacted(self, event: Event, request: ModelRequest) -> Event:
        """The event without the key and the parts that repeat the request: its `detail` is logged and stored."""
        if not isinstance(event, Failed):
            return event
        detail = self._secrets.sub("[the key]", event.detail) if self._secrets else event.detail
        return replace(event, detail=_without_request(detail, request))

    async def _next_chunk(self, chunks: AsyncIterator[bytes], deadline: float, pace: Pace | None = None) -> bytes:
        """The next chunk, empty at the end. Raises TimeoutError if the end came by hanging up at the deadline."""
        if pace and isinstance(chunks, chunked.ChunkedBody):
            await pace()
        loop = asyncio.get_running_loop()
        try:
            chunk = await anext(chunks, b"")
        except httpx2.HTTPError:
            if loop.time() < deadline - EARLY_SECONDS:
                raise
            chunk = b""
        if not chunk and loop.time() >= deadline - EARLY_SECONDS:
            raise TimeoutError
        return chunk


def _created(sdk: openai.AsyncOpenAI, request: ModelRequest) -> OpenResponse:
    """The request, which is sent when the result is called.

    Its fields are `extra_body`: for each item of another argument, the SDK walks all types that an item could have,
    which took 0.7 ms of CPU for each message of a conversation.
    """
    create = sdk.responses.with_streaming_response.create
    headers = {CLIENT_REQUEST_ID: request.client_request_id} if request.client_request_id else None
    return partial(create, model=request.model, stream=True, extra_body=body_of(request), extra_headers=headers)


def _without_request(detail: str, request: ModelRequest) -> str:
    is_cut = len(detail) >= failures.MAX_DETAIL_CHARACTERS
    told = redaction.redacted(
        detail, redaction.texts_of(request.instructions, request.input, request.metadata.values())
    )
    return told[: MAX_TOLD_CHARACTERS if not is_cut else min(MAX_TOLD_CHARACTERS, max(len(told) - CUT_CHARACTERS, 0))]


def _secrets(key: str) -> re.Pattern[str] | None:
    """The key, and any longer part of its start: a text may have been cut in the middle of it."""
    if len(key) < SECRET_CHARACTERS:
        return None
    start = key[: max(SECRET_CHARACTERS, len(key) // 2)]
    return re.compile(rf"{re.escape(key)}|{re.escape(start)}[\w.-]*")


async def _answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: [DONE]\n\n")
    await writer.drain()
    writer.close()
