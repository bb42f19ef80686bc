"""An OpenTelemetry collector: an HTTP server that takes spans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What it was sent. It answers with `status`, or if that is 0, never."""

    url: str = ""
    status: int = 200
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    given_up: int = 0  # connections that the site closed before there was an answer

    @property
    def spans(self) -> list[Any]:
        """All spans, in the order in which they came."""
        batches = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [scope for batch in batches for one in batch.resource_spans for scope in one.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    def of(self, name: str) -> list[Any]:
        """The spans with this name."""
        return [span for span in self.spans if span.name == name]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request of a connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        self.bodies.append(await reader.readexactly(length))
        self.heads.append(head)
        if self.status:
            writer.write(f"HTTP/1.1 {self.status} Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        else:
            await reader.read()
            self.given_up += 1
        writer.close()


@asynccontextmanager
async def collecting(status: int = 200) -> AsyncIterator[Collector]:
    """A collector on a port of its own."""
    collector = Collector(status=status)
    async with await asyncio.start_server(collector.take, "127.0.0.1", 0) as server:
        collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield collector


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span, by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
