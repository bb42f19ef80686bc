"""What servers do strangely, and that the client understands them all the same."""

from __future__ import annotations

import asyncio
import re

import pytest

from chat.devservices.offline_model.oddities import BYTES, EVENTS, FIRST, INSERTED, LAST, NAMES
from chat.llm.client import LLMClient
from chat.llm.errors import ProviderFailed
from chat.llm.events import Code
from tests.support.llm import WHOLE, call_events, double, result_of, text_of
from tests.support.offline import OfflineServer
from tests.support.offline_requests import create

READABLE = sorted(set(NAMES) - {"errorjson", "chat", "nullcode"})
CALL = "[offline: tool=double arguments=%7B%22number%22:4%7D"


def without_ids(text: str) -> str:
    return re.sub(r'(resp|msg|fc|call)_\w+|"(created|completed)_at":\d+', "", text)


@pytest.mark.parametrize("odd", sorted(NAMES - {"nullcode"}))
async def test_each_oddity_changes_what_is_sent(offline: OfflineServer, odd: str) -> None:
    asked = f"say Hi. {CALL} also"
    plain, strange = [
        await offline.http.post("/v1/responses", json={"model": "m", "input": f"{asked}{word}]", "stream": True})
        for word in ("", f" odd={odd}")
    ]
    changed = without_ids(plain.text) != without_ids(strange.text)
    assert changed or plain.headers.get("content-encoding") != strange.headers.get("content-encoding")


@pytest.mark.parametrize("odd", READABLE)
async def test_the_text_is_whole_from_an_odd_server(llm: LLMClient, odd: str) -> None:
    events = await call_events(llm, f"say {WHOLE} [offline: odd={odd}]")
    assert result_of(events).text == WHOLE
    if odd != "json":
        assert text_of(events) == WHOLE


@pytest.mark.parametrize("odd", sorted({*EVENTS, *INSERTED, *BYTES, *FIRST, *LAST} - {"nullcode"}))
async def test_a_tool_is_called_once_by_an_odd_server(llm: LLMClient, odd: str) -> None:
    result = await llm.call(f"x {CALL} odd={odd}]", tools=[double])
    assert result.text.startswith("`double` says: `8`")
    assert len(result.calls) == 2


@pytest.mark.parametrize("place", ["done", "item", "end"])
async def test_text_that_comes_late_is_read(llm: LLMClient, place: str) -> None:
    assert (await llm.call(f"say {WHOLE} [offline: text_in={place}]")).text == WHOLE


async def test_a_stream_without_its_last_event_is_read(llm: LLMClient) -> None:
    assert (await llm.call(f"say {WHOLE} [offline: noend]")).text == WHOLE


async def test_a_server_that_keeps_the_connection_open_is_not_waited_for(llm: LLMClient) -> None:
    async with asyncio.timeout(10):
        assert (await llm.call(f"say {WHOLE} [offline: linger=60]")).text == WHOLE


@pytest.mark.parametrize("odd", ["errorjson", "chat"])
async def test_an_answer_of_another_api_is_a_failure(llm: LLMClient, odd: str) -> None:
    with pytest.raises(ProviderFailed):
        await llm.call(f"say {WHOLE} [offline: odd={odd}]")


async def test_an_error_without_a_code_is_a_failure(llm: LLMClient) -> None:
    with pytest.raises(ProviderFailed) as raised:
        await llm.call(f"say {WHOLE} [offline: error=2 odd=nullcode]")
    assert raised.value.code in (Code.PROVIDER_ERROR, Code.CUT, "provider_error")


async def test_an_unknown_oddity_is_refused(offline: OfflineServer) -> None:
    response = await create(offline, "x [offline: odd=fellow]")
    assert (response.status_code, "'fellow' is not one of" in response.text) == (400, True)
