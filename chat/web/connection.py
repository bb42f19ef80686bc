"""Two corrections of the server below Quart: a bounded inbound queue for websockets, and trusted proxies' headers."""

from __future__ import annotations

from typing import Any

from quart.asgi import ASGIWebsocketConnection

QUEUE_MAX_FRAMES = 64


class BoundedWebsocketConnection(ASGIWebsocketConnection):
    """Quart queues what a tab sends without any limit: a tab that floods took 473 MB in 3 s.

    Here the connection ends instead when 64 frames wait. An empty binary frame arrives as b"", not as None.
    """

    async def handle_messages(self, receive: Any) -> None:
        """Returning ends the handler, as a disconnect does."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            if event["type"] == "websocket.receive":
                if self.queue.qsize() >= QUEUE_MAX_FRAMES:
                    return
                text = event.get("text")
                self.queue.put_nowait(event.get("bytes") or b"" if text is None else text)


class TrustedProxies:
    """Believe so many X-Forwarded-* hops, counted from the right; whatever stands further left anybody could have sent.

    hypercorn's own middleware makes every websocket behind a TLS proxy fail with 400.
    """

    def __init__(self, app: Any, hops: int) -> None:
        self._app = app
        self._hops = hops

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] in ("http", "websocket"):
            scope = dict(scope, **self._corrected(scope))
        await self._app(scope, receive, send)

    def _corrected(self, scope: Any) -> dict[str, Any]:
        corrected: dict[str, Any] = {}
        if address := self._forwarded(scope, b"x-forwarded-for"):
            corrected["client"] = (address, 0)
        if scheme := self._forwarded(scope, b"x-forwarded-proto"):
            secure = scheme.lower() in ("https", "wss")
            names = ("ws", "wss") if scope["type"] == "websocket" else ("http", "https")
            corrected["scheme"] = names[secure]
        if host := self._forwarded(scope, b"x-forwarded-host"):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            corrected["headers"] = [(b"host", host.encode("latin-1")), *others]
        return corrected

    def _forwarded(self, scope: Any, name: bytes) -> str:
        lines = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
        values = [part.strip() for part in ",".join(lines).split(",") if part.strip()]
        return values[-self._hops] if len(values) >= self._hops else ""
