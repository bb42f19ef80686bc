"""Traces: off unless asked for, without a text, an address or a secret, and without a collector the site works too."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chat import server, tracing
from chat.settings import Settings, SettingsError
from chat.tracing import NAMES, Traces
from tests.support import patches
from tests.support.cast import Person
from tests.support.collector import Collector, attributes, collecting
from tests.support.production import PRODUCTION
from tests.support.site import Beside
from tests.support.waiting import eventually

CANARY = "canary4f17"
ERROR = 2  # the code of a span's status


async def journey(alice: Person) -> dict[str, str]:
    """An answer with a tool, one that fails, and requests with secrets. Returns the ids of the first one."""
    secret = {"User-Agent": CANARY, "Referer": f"http://x/{CANARY}", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    for path in (f"/accounts/reset/{CANARY}/", f"/nothing/{CANARY}", f"/{CANARY}", f"/chat/?{CANARY}", "/healthz"):
        await alice.http.get(path, headers=secret)
    await alice.http.request(CANARY.upper(), "/chat/")
    posted = await alice.ask(f"What time is it in {CANARY}?")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        await tab.until_finished((await tab.say(f"{CANARY} [offline: error=3]"))["reply_id"])
    return posted


async def test_an_answer_with_a_tool_is_traced_without_a_text_an_address_or_a_secret(beside: Beside) -> None:
    async with collecting() as collector:
        async with (
            beside(OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/", OPENAI_API_KEY=f"sk-{CANARY}") as site,
            Person.signed_up(site, CANARY) as alice,
        ):
            posted = await journey(alice)
        await eventually(lambda: collector.of("answer") and collector.of("POST /chat/"))

    assert all(head.startswith("POST /v1/traces HTTP") for head in collector.heads)
    sent = b"".join(collector.bodies).decode(errors="replace")
    secrets = (CANARY, CANARY.upper(), alice.email, alice.site.resources.settings.secret_key, "a" * 32)
    assert not [secret for secret in secrets if secret in sent]
    providers = [span for span in collector.spans if "gen_ai.provider.name" in attributes(span)]
    assert sent.count("127.0.0.1") == len(providers), "the provider has its host as its name; the visitor has none"
    assert {name for span in collector.spans for name in attributes(span)} <= set(NAMES.values())
    check_tree(collector, posted)
    check_failure(collector)


def check_tree(collector: Collector, posted: dict[str, str]) -> None:
    """The calls are within the answer, which is within the request that asked for it."""
    [request] = collector.of("POST /chat/")
    answer, *_ = collector.of("answer")
    calls = [span for span in collector.spans if span.parent_span_id == answer.span_id]
    about, told = attributes(request), attributes(answer)

    assert about["http.route"] == "/chat/" and about["http.response.status_code"] == 201 and about["chat.request"]
    assert answer.parent_span_id == request.span_id and not request.parent_span_id
    assert {span.trace_id for span in calls} == {answer.trace_id} == {request.trace_id}
    assert told["chat.thread"] == posted["thread_id"] and told["chat.generation"]
    assert (told["chat.end"], told["chat.rounds"], told["chat.request"]) == ("final", 2, about["chat.request"])
    assert [attributes(call)["chat.round"] for call in calls] == [1, 2]
    for call in calls:
        known = attributes(call)
        assert call.name == f"chat {known['gen_ai.request.model']}"
        assert known["gen_ai.operation.name"] == "chat" and known["gen_ai.provider.name"]
        assert known["chat.end"] == "completed" and known["chat.generation"] == told["chat.generation"]
        assert answer.start_time_unix_nano <= call.end_time_unix_nano <= answer.end_time_unix_nano
    assert sum(attributes(call)["gen_ai.usage.output_tokens"] for call in calls) == told["gen_ai.usage.output_tokens"]


def check_failure(collector: Collector) -> None:
    """The failed answer and its call are errors, without an explanation; other requests have the route at most."""
    failed = collector.of("answer")[1]
    [call] = [span for span in collector.spans if span.parent_span_id == failed.span_id]

    assert not failed.parent_span_id, "it came over a websocket, which has no span"
    for span in (failed, call):
        assert span.status.code == ERROR and not span.status.message and attributes(span)["error.type"]
    assert collector.of("GET /accounts/reset/<token>/") or collector.of("GET /accounts/reset/<token>")
    unknown = [attributes(span) for span in collector.of("request")]
    assert {one["http.response.status_code"] for one in unknown} >= {404}
    assert not [one for one in unknown if "http.route" in one or "http.request.method" in one]
    assert not [span for span in collector.spans if "healthz" in span.name]


async def test_a_collector_that_does_not_answer_delays_neither_answers_nor_the_end(beside: Beside) -> None:
    async with collecting(status=0) as collector:
        async with (
            beside(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as site,
            Person.signed_up(site, "alice") as alice,
        ):
            posted = await alice.ask("Say hello")
            async with alice.tab(posted["thread_id"]) as tab:
                await tab.until_finished(posted["reply_id"])
        assert collector.bodies, "it was asked at the end"
        assert not collector.given_up, "the site ended while it was still being asked"


async def test_a_failing_collector_is_told_once_and_what_was_raised_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "a-name-of-ours")
    caplog.set_level(logging.INFO)

    async with collecting(status=400) as collector:
        traces = Traces(collector.url, environment="production")
        for batch, status in enumerate((400, 400, 200, 200), 1):
            collector.status = status
            with pytest.raises(ValueError, match=CANARY), traces.span(tracing.ANSWER):
                raise ValueError(CANARY)
            await eventually(lambda batch=batch: len(collector.bodies) == batch)  # type: ignore[misc]
        await traces.close()

    assert [record.getMessage() for record in caplog.records if "opentelemetry" in record.name] == []
    told = [record.getMessage() for record in caplog.records if record.name == "chat.tracing"]
    assert told == ["Traces cannot be sent to OTEL_EXPORTER_OTLP_ENDPOINT; they are dropped", "Traces are sent again"]
    sent = b"".join(collector.bodies).decode(errors="replace")
    assert CANARY not in sent
    assert "a-name-of-ours" in sent, "the library's own variables work"


async def test_what_a_collector_does_not_take_is_bounded() -> None:
    async with collecting(status=0) as collector:
        traces = Traces(collector.url, environment="production")
        for _ in range(5_000):
            with traces.span(tracing.ANSWER):
                pass
        assert waiting(traces) <= 2048
        await traces.close()


def waiting(traces: Traces) -> int:
    """How many spans are kept; the library does not tell."""
    processor: Any = traces._provider._active_span_processor  # type: ignore[union-attr]
    return len(processor._span_processors[0]._batch_processor._queue)


async def test_without_an_endpoint_nothing_is_traced() -> None:
    traces = Traces(Settings.from_environment(PRODUCTION).otel_exporter_otlp_endpoint)

    with traces.span(tracing.REQUEST) as nothing:
        traces.describe("GET /", status=200)
        traces.call_ended(5, model="small")
    await traces.close()

    assert nothing is None and traces._provider is None


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracing.is_installed()
    patches.OPENTELEMETRY.replace(monkeypatch, None)

    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT needs opentelemetry-sdk"):
        server.serve(Settings.from_environment({**PRODUCTION, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}))


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector:4317"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT must start with"):
        Settings.from_environment({**PRODUCTION, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
