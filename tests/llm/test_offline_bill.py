"""The offline model's bill: exact sums in USD, whatever usage the responses report."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from chat.devservices.offline_model.app import OfflineModel
from chat.devservices.offline_model.prices import LLM_PRICES, price_of
from chat.devservices.offline_model.usage import Usage
from tests.support import patches
from tests.support.offline import OfflineServer
from tests.support.offline_requests import create


async def bill(offline: OfflineServer, **pairs: str) -> dict[str, Any]:
    return (await offline.http.get("/control/bill", params=pairs)).json()


async def billed(offline: OfflineServer, generation_id: str, asked: str, **fields: Any) -> dict[str, Any]:
    """The bill's entry for one response."""
    response = (await create(offline, asked, metadata={"generation_id": generation_id}, **fields)).json()
    return (await bill(offline, generation_id=generation_id))["responses"][response["id"]]


async def test_the_bill_has_the_usage_and_cost_of_a_response(offline: OfflineServer, generation_id: str) -> None:
    script = "[offline: cached=6 cache_write=3 reasoning=2]"
    line = await billed(offline, generation_id, f"say one two three {script}", model="gpt-6-luna")
    reasoning = line["reasoning_tokens"]
    assert reasoning > 0
    assert line == {
        "generation_id": generation_id,
        "model": "gpt-6-luna-2026-10-15",
        "status": "completed",
        "input_tokens": 20,
        "cached_tokens": 6,
        "cache_write_tokens": 3,
        "output_tokens": 4 + reasoning,
        "reasoning_tokens": reasoning,
        "total_tokens": 24 + reasoning,
        "cost": str(Decimal(14 * 100 + 6 * 10 + (4 + reasoning) * 500) / 10**9),
    }


async def test_a_sum_is_exact_and_leaves_out_what_has_no_price(offline: OfflineServer, generation_id: str) -> None:
    lines = [
        await billed(offline, generation_id, "say one", model=model) for model in ("gpt-5-nano", "gpt-5", "offline")
    ]
    assert [line["cost"] for line in lines] == ["0.0000007", "0.0000175", None]
    chosen = await bill(offline, generation_id=generation_id)
    assert chosen["total_cost"] == "0.0000182"
    assert chosen["total_tokens"] == sum(line["total_tokens"] for line in lines)
    assert len(chosen["responses"]) == 3


async def test_the_bill_can_be_asked_for_any_metadata(offline: OfflineServer, generation_id: str) -> None:
    for purpose in ("title", "reply"):
        await create(offline, metadata={"generation_id": generation_id, "purpose": purpose}, model="gpt-5")
    await create(offline, metadata={"generation_id": "another"}, model="gpt-5")
    whole = await bill(offline)
    assert len((await bill(offline, generation_id=generation_id))["responses"]) == 2
    one = await bill(offline, generation_id=generation_id, purpose="title")
    assert len(one["responses"]) == 1
    assert len(whole["responses"]) > 2
    assert Decimal(whole["total_cost"]) > Decimal(one["total_cost"])
    nothing = {"responses": {}, "total_tokens": 0, "total_cost": "0"}
    assert await bill(offline, generation_id=generation_id, purpose="poem") == nothing


async def test_a_response_without_usage_is_billed(offline: OfflineServer, generation_id: str) -> None:
    line = await billed(offline, generation_id, "say one [offline: nousage]", model="gpt-5")
    assert (line["output_tokens"], line["cost"] is None) == (1, False)


async def test_old_responses_are_forgotten_but_stay_on_the_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    patches.MAX_RUNS.replace(monkeypatch, 2)
    transport = httpx.ASGITransport(cast(Any, OfflineModel(pace_seconds=0)))
    bearer = {"authorization": "Bearer test"}
    async with httpx.AsyncClient(transport=transport, base_url="http://offline", headers=bearer) as http:
        bodies = [{"model": "gpt-5", "input": "say one", "metadata": {"n": str(number)}} for number in range(5)]
        ids = [(await http.post("/v1/responses", json=body)).json()["id"] for body in bodies]
        statuses = [(await http.get(f"/v1/responses/{response_id}")).status_code for response_id in ids]
        assert statuses == [404, 404, 404, 200, 200]
        whole = (await http.get("/control/bill")).json()
        assert (list(whole["responses"]), whole["total_cost"]) == (ids, "0.0000875")
        first = (await http.get("/control/bill", params={"n": "0"})).json()
        assert (list(first["responses"]), first["total_cost"]) == (ids[:1], "0.0000175")


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        ("gpt-5", "gpt-5-2025-08-07"),
        ("gpt-6-luna", "gpt-6-luna-2026-10-15"),
        ("gpt-5-nano", "gpt-5-nano-2025-08-07"),
        ("gpt-6-luna-2026-10-15", "gpt-6-luna-2026-10-15"),
        ("gpt-5-large", "gpt-5-large"),
        ("offline", "offline"),
    ],
)
async def test_a_model_answers_by_its_dated_name(offline: OfflineServer, asked: str, answers: str) -> None:
    assert (await create(offline, model=asked)).json()["model"] == answers


@pytest.mark.parametrize(
    ("model", "priced_as"),
    [
        ("gpt-5", "gpt-5"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-5-codex", "gpt-5"),
        ("gpt-6-luna-2026-10-15", "gpt-6-luna"),
        ("gpt-5-minimal", "gpt-5"),
        ("gpt-5.1", ""),
        ("gpt-50", ""),
        ("offline", ""),
    ],
)
def test_the_price_is_that_of_the_longest_name(model: str, priced_as: str) -> None:
    assert price_of(model) is (price_of(priced_as) if priced_as else None)


def test_the_price_list_can_be_given_to_the_site() -> None:
    assert LLM_PRICES == "gpt-6-luna=0.1/0.01/0.5,gpt-5=1.25/0.125/10,gpt-5-nano=0.05/0.005/0.4"


def test_a_large_sum_is_not_rounded() -> None:
    usage = Usage(
        input_tokens=10**12 + 1, cached_tokens=1, cache_write_tokens=0, output_tokens=1, reasoning_tokens=0
    )  # fmt: skip
    price = price_of("gpt-5-nano")
    assert price is not None
    assert price.cost(usage) == Decimal("50000.000000405")
