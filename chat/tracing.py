"""Traces over OTLP/HTTP, if OTEL_EXPORTER_OTLP_ENDPOINT is set: spans of requests, answers and model calls.

Only what NAMES lists is sent, and none of that is a text.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.metadata import version
from typing import Any

from chat.logs import known

try:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
except ImportError:  # it is an extra
    trace, SpanExporter = None, object  # type: ignore[assignment,misc]

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
LIBRARY = "opentelemetry"  # its loggers: an error for each batch that is not sent
REQUEST, ANSWER, CALL = "request", "answer", "chat"
# What we call it, and its name in a span. OpenTelemetry's conventions for http.* are stable. Those for gen_ai.* are
# still in development and can change with any release: they are named here alone.
NAMES = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "code": "error.type",
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "request": "chat.request",
    "thread": "chat.thread",
    "generation": "chat.generation",
    "round": "chat.round",
    "caller": "chat.caller",
    "attempts": "chat.attempts",
    "rounds": "chat.rounds",
    "takeovers": "chat.takeovers",
    "first_text_ms": "chat.first_text_ms",
    "end": "chat.end",
}


def is_installed() -> bool:
    """Whether the extra is there."""
    return trace is not None


class Traces:
    """The spans of this process; without an endpoint, nothing is recorded."""

    def __init__(self, endpoint: str = "", *, environment: str = "") -> None:
        self._provider = _provider(endpoint, environment) if endpoint else None
        self._tracer = self._provider.get_tracer("chat") if self._provider else None

    def span(self, kind: str) -> AbstractContextManager[None]:
        """Trace the work of the block, and of the tasks that it starts."""
        return self._traced(kind) if self._tracer else nullcontext()

    def describe(self, name: str = "", **about: Any) -> None:
        """Add what is known at the end of the block's work to its span. With a `code`, it failed."""
        if self._tracer:
            span = trace.get_current_span()
            span.set_attributes(_attributes(about))
            if name:
                span.update_name(name)
            if about.get("code"):
                span.set_status(trace.StatusCode.ERROR)

    def call_ended(self, milliseconds: int, **about: Any) -> None:
        """Trace a model call of this task that took so long and has just ended."""
        if self._tracer:
            began = time.time_ns() - milliseconds * 1_000_000
            name = f"{CALL} {about['model']}"
            span = self._tracer.start_span(name, kind=trace.SpanKind.CLIENT, start_time=began)
            with trace.use_span(span, end_on_exit=True):
                self.describe(operation=CALL, **about)

    async def close(self) -> None:
        """Send what is left, for a moment: a collector that does not answer must not delay the end of the process."""
        if self._provider:
            closed = asyncio.Event()
            given = self._provider, asyncio.get_running_loop(), closed
            threading.Thread(target=_close, args=given, daemon=True).start()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await closed.wait()

    @contextmanager
    def _traced(self, kind: str) -> Iterator[None]:
        """An exception's message can have texts, so it is not recorded."""
        of_kind = trace.SpanKind.SERVER if kind == REQUEST else trace.SpanKind.INTERNAL
        span = self._tracer.start_span(kind, kind=of_kind, attributes=_attributes({}))  # type: ignore[union-attr]
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield


OFF = Traces()


class _Exporter(SpanExporter):
    """Tells once that the collector cannot be reached, and once that it is back."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; it is dropped if that fails."""
        result = self._inner.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            logger.warning("Traces cannot be sent to OTEL_EXPORTER_OTLP_ENDPOINT; they are dropped")
        elif self._failing and not failed:
            logger.info("Traces are sent again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Send nothing more."""
        self._inner.shutdown()


def _provider(endpoint: str, environment: str) -> TracerProvider:
    """The library reads its other standard variables itself, like those for headers and sampling."""
    logging.getLogger(LIBRARY).setLevel(logging.CRITICAL)
    about = {"service.name": "chat", "service.version": version("chat"), "deployment.environment.name": environment}
    resource = Resource.create(about).merge(OTELResourceDetector().detect())  # the operator's names take precedence
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(_Exporter(exporter)))
    return provider


def _close(provider: TracerProvider, loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    provider.shutdown()
    with suppress(RuntimeError):  # too late: the loop is closed
        loop.call_soon_threadsafe(closed.set)


def _attributes(about: dict[str, Any]) -> dict[str, Any]:
    """What NAMES lists of this and of the ids that are known."""
    told = {
        NAMES[name]: value for name, value in (known() | about).items() if name in NAMES and value not in (None, "")
    }
    return {name: value if isinstance(value, int | str) else str(value) for name, value in told.items()}
