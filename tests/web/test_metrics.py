"""/metrics: for who knows the token, the same from every process, and without a name or a text."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat import metrics
from chat.services.admin.exposition import exposition
from chat.services.admin.worker_stats import WorkerLoad
from chat.settings import Settings, SettingsError
from tests.faults import launch
from tests.support import patches
from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.ports import free_port
from tests.support.production import PRODUCTION
from tests.support.programs import Program
from tests.support.site import Beside, Site
from tests.support.stores import Stores
from tests.support.waiting import eventually

TOKEN = "Zq3vTn8WxKj5RmLd9YcHb2SgFp7QaEu4"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROOT = Path(__file__).parents[2]
CANARY = "canary51c8"


@pytest.fixture
async def measured(beside: Beside, stores: Stores) -> AsyncIterator[Site]:
    """A site with sums and workers of its own: those of the other sites would be added."""
    async with beside(METRICS_TOKEN=TOKEN, REDIS_URL=f"{stores.redis_url}?db=7") as site:
        yield site


async def shown(http: httpx.AsyncClient) -> str:
    answer = await http.get("/metrics", headers=BEARER)
    assert answer.status_code == 200, answer.text
    return answer.text


def value(text: str, name: str, **labels: str) -> float:
    """The value of one series; 0 if it does not exist yet."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0


async def test_without_a_token_there_is_no_page(nobody: Person, site: Site) -> None:
    assert not site.resources.settings.metrics_token
    for headers in ({}, BEARER, {"Authorization": "Bearer"}, {"Authorization": ""}):
        assert (await nobody.http.get("/metrics", headers=headers)).status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ümläut"])
async def test_only_the_token_opens_it(measured: Site, given: str) -> None:
    async with new_client(base_url=measured.url) as http:
        answer = await http.get("/metrics", headers={"Authorization": given.encode()})

    assert answer.status_code == 401
    assert "chat_" not in answer.text


@pytest.mark.parametrize("token", ["secret", "metrics-token-metrics-token-metrics", "a" * 40])
def test_a_token_that_could_be_guessed_is_refused_in_production(token: str) -> None:
    with pytest.raises(SettingsError, match="METRICS_TOKEN is too short or guessable"):
        Settings.from_environment({**PRODUCTION, "METRICS_TOKEN": token})

    assert Settings.from_environment({**PRODUCTION, "METRICS_TOKEN": TOKEN}).metrics_token == TOKEN
    assert TOKEN not in repr(Settings.from_environment({**PRODUCTION, "METRICS_TOKEN": TOKEN}))


async def test_it_counts_what_was_done_and_names_nobody(measured: Site) -> None:
    before = await _counted(measured)
    async with Person.signed_up(measured, CANARY) as alice:
        posted = await alice.ask(f"Say {CANARY}")
        async with alice.tab(posted["thread_id"]) as tab:
            await tab.until_finished(posted["reply_id"])
            for text in (f"What time is it in {CANARY}?", f"{CANARY} [offline: error=3]"):
                await tab.until_finished((await tab.say(text))["reply_id"])
            await tab.say(" ")
            await eventually(lambda: measured.resources.worker.running == 0)
            await measured.resources.counts.push()
            text = await shown(alice.http)
            model = measured.resources.settings.llm_model
            assert value(text, "chat_tabs") == 1
            assert value(text, "chat_workers") >= 1
    after = await _counted(measured, text)

    assert {name: after[name] - before[name] for name in after} == {
        "final": 2, "error": 1, "refused": 1, "first": 3, "tool": 1, "calls": 4,
    }  # fmt: skip
    assert value(text, "chat_cost_usd_total", model=model, provider="127.0.0.1") > 0
    assert CANARY not in text and "@" not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text), "no ids"
    labels = {name for family in text_string_to_metric_families(text) for one in family.samples for name in one.labels}
    assert labels <= metrics.label_names() | {"le", "version", "python"}
    assert not {"user", "thread", "email"} & labels


async def _counted(site: Site, text: str = "") -> dict[str, float]:
    if not text:
        await site.resources.counts.push()
        async with new_client(base_url=site.url) as http:
            text = await shown(http)
    own = {"model": site.resources.settings.llm_model, "provider": "127.0.0.1"}
    return {
        "final": value(text, "chat_answers_total", **own, end="final"),
        "error": value(text, "chat_answers_total", **own, end="error"),
        "refused": value(text, "chat_messages_refused_total", code="empty"),
        "first": value(text, "chat_first_text_seconds_count", model=own["model"]),
        "tool": value(text, "chat_tool_calls_total", tool="current_time", outcome="ok"),
        "calls": sum(
            value(text, "chat_model_calls_total", **own, code=code) for code in ("completed", "provider_error", "cut")
        ),
    }


@asynccontextmanager
async def process(environment: dict[str, str], folder: Path, name: str) -> AsyncIterator[tuple[Program, str]]:
    """A server of its own, as on another host."""
    port = free_port()
    settings = environment | {"PATH": os.environ["PATH"], "FAULTS": "respawn_never", "PORT": str(port)}
    files = {"output": folder / f"{name}.out", "errors": folder / f"{name}.err"}
    program = Program(launch.main, "serve", environment=settings, folder=folder, **files)
    try:
        yield program, f"http://127.0.0.1:{port}"
    finally:
        program.send_signal(signal.SIGKILL)
        await program.end()


@pytest.mark.timeout(150)
async def test_two_processes_agree_and_a_killed_one_is_missed(
    environment: dict[str, str], migrated: None, stores: Stores, tmp_path: Path
) -> None:
    own = environment | {"REDIS_URL": f"{stores.redis_url}?db=6", "METRICS_TOKEN": TOKEN}
    async with AsyncExitStack() as stack:
        served = [await stack.enter_async_context(process(own, tmp_path, name)) for name in ("one", "two")]
        https = [await stack.enter_async_context(new_client(base_url=url)) for _, url in served]
        for http in https:
            await eventually(lambda http=http: _answers(http), seconds=60)
            for _ in range(20):
                await asyncio.gather(*(http.get("/metrics") for _ in range(50)))

        async def says(http: httpx.AsyncClient, name: str, wanted: float, **labels: str) -> bool:
            return value(await shown(http), name, **labels) == wanted

        for http in https:
            await eventually(lambda http=http: says(http, "chat_http_requests_total", 2000, code="4xx"), seconds=30)
            await eventually(lambda http=http: says(http, "chat_workers", 2), seconds=30)
        served[0][0].send_signal(signal.SIGKILL)
        await eventually(lambda: says(https[1], "chat_workers", 1), seconds=20)
        assert await says(https[1], "chat_http_requests_total", 2000, code="4xx")


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_without_redis_it_is_unavailable(measured: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ConnectionError("refused")

    patches.COUNTS_SUMS.replace(monkeypatch, fails)
    async with new_client(base_url=measured.url) as http:
        answer = await http.get("/metrics", headers=BEARER)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


NAME = re.compile(r"\bchat_[a-z_]+")


def of_every_metric() -> str:
    """What is shown once everything has been counted."""
    counted = metrics.Metrics()
    for metric in metrics.ALL:
        if isinstance(metric, metrics.Counter):
            counted.count(metric, *metric.labels)
        else:
            counted.observe(metric, 1, *metric.labels)
    return exposition(counted.totals(), [WorkerLoad()], queued=0).decode()


async def test_every_query_of_the_dashboard_and_of_the_alerts_is_about_a_metric_that_exists(measured: Site) -> None:
    dashboard = json.loads((ROOT / "deploy/grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    alerts = (ROOT / "deploy/alerts.yaml").read_text()
    queries += re.findall(r"^ +expr: (.+)$", alerts, re.MULTILINE)
    full = of_every_metric()
    async with new_client(base_url=measured.url) as http:
        live = await shown(http)
    exist = {sample.name: set(sample.labels) for text in (live, full) for family in text_string_to_metric_families(text)
             for sample in family.samples}  # fmt: skip

    assert len(queries) > 30
    for query in queries:
        names = NAME.findall(query)
        assert names and set(names) <= set(exist), query
        labels = {label for name in names for label in exist[name]} | {"le"}
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query))
        used |= {one.strip() for group in re.findall(r"by \(([^)]*)\)", query) for one in group.split(",")}
        assert used <= labels, query
