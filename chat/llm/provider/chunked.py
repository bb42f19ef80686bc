"""Reading the body of a chunked response from its connection: h11 takes ten times as long for a small chunk."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http import HTTPStatus

import httpcore2
import httpx2

from chat.llm.provider.network import Connection

MAX_LINE_BYTES = 64 * 1024  # of a chunk's size and its extensions
SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00\r\n]*)?")
LINE_END = b"\r\n"
CUT = "peer closed connection without sending complete message body (incomplete chunked read)"  # as h11 says


class Chunks:
    """Takes the content out of chunks, wherever their bytes are split."""

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""  # not understood yet; at the end, the last chunk and everything behind it
        self.fault = ""  # what comes next is no chunk
        self._left = 0  # bytes of a chunk that have not come
        self._line_end_due = False  # behind a chunk

    def feed(self, data: bytes) -> bytes:
        """The content in these bytes, perhaps none."""
        data, at = self.rest + data, 0
        contents: list[bytes] = []
        while not (self.ended or self.fault):
            if self._left:
                contents.append(data[at : at + self._left])
                at += len(contents[-1])
                self._left -= len(contents[-1])
                if self._left:
                    break
                self._line_end_due = True
            if self._line_end_due:
                if len(data) < at + len(LINE_END):
                    break
                at = self._after_line_end(data, at)
            end = data.find(LINE_END, at, at + MAX_LINE_BYTES)
            if end < 0:
                if len(data) - at >= MAX_LINE_BYTES:
                    self.fault = "the line of a chunk is too long"
                break
            at = self._begin(data, at, end)
        self.rest = data[at:]
        return contents[0] if len(contents) == 1 else b"".join(contents)

    def _after_line_end(self, data: bytes, at: int) -> int:
        if data[at : at + len(LINE_END)] != LINE_END:
            self.fault = "a chunk is longer than announced"
        self._line_end_due = False
        return at + len(LINE_END)

    def _begin(self, data: bytes, start: int, end: int) -> int:
        """Where the chunk's content begins; the last chunk is left as it is."""
        size = SIZE.fullmatch(data, start, end)
        if not size:
            self.fault = f"illegal chunk header: {data[start : min(end, start + 100)]!r}"
            return start
        self._left = int(size[1], 16)
        self.ended = not self._left
        return start if self.ended else end + len(LINE_END)


def content(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body of a response as it comes, decoded."""
    connection, headers = response.extensions.get("network_stream"), response.headers
    is_plain = headers.get("content-encoding", "").strip().lower() in ("", "identity")
    is_chunked = headers.get("transfer-encoding", "").strip().lower() == "chunked"
    has_body = response.status_code != HTTPStatus.NO_CONTENT
    if isinstance(connection, Connection) and is_plain and is_chunked and has_body:
        return ChunkedBody(response, connection)
    return response.aiter_bytes()


class ChunkedBody:
    """The pieces of a body, as they arrive."""

    def __init__(self, response: httpx2.Response, connection: Connection) -> None:
        self._response, self._connection = response, connection
        self._chunks = Chunks()
        self._silence_seconds = response.request.extensions["timeout"]["read"]

    def __aiter__(self) -> ChunkedBody:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks.ended:
            if self._chunks.fault:
                raise httpx2.RemoteProtocolError(self._chunks.fault, request=self._response.request)
            if piece := self._chunks.feed(await self._received()):
                return piece
        if not self._response.is_closed:
            self._connection.unread(self._chunks.rest)
            async for _ in self._response.aiter_raw():  # h11 reads the end, so that the connection can be used again
                pass
        raise StopAsyncIteration

    async def _received(self) -> bytes:
        try:
            data = await self._connection.receive(self._silence_seconds)
        except httpcore2.ReadTimeout as error:
            raise httpx2.ReadTimeout(str(error), request=self._response.request) from error
        except httpcore2.ReadError as error:
            raise httpx2.ReadError(str(error), request=self._response.request) from error
        if not data:
            raise httpx2.RemoteProtocolError(CUT, request=self._response.request)
        return data
