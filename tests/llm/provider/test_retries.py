"""Which requests are retried, how often and after which pause; never one that may have run."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace

import pytest

from chat.llm import errors
from chat.llm.client import LLMClient
from chat.llm.events import Code, Failed
from chat.llm.provider import failures, retries
from chat.llm.provider.retries import pause_before_retry
from tests.support import patches
from tests.support.llm import PRICES, MemoryJournal
from tests.support.offline import OfflineServer
from tests.support.ports import free_port


def refused(code: Code, status: int | None = None, retry_after: float | None = None) -> Failed:
    return failures.failed(code, "", status=status, retry_after_seconds=retry_after)


PAUSES = [
    # failure, the pauses before each retry, in seconds
    (refused(Code.UNREACHABLE), [0.5, 1, 2, None]),
    (refused(Code.RATE_LIMITED, 429), [1, 2, 4, None]),
    (refused(Code.OVERLOADED, 503), [1, 2, 4, None]),
    (refused(Code.OVERLOADED, 529), [1, 2, 4, None]),
    (refused(Code.PROVIDER_ERROR, 500), [0.5, None]),
    (refused(Code.RATE_LIMITED, 429, 7), [7, 7, 7, None]),
    (refused(Code.RATE_LIMITED, 429, 0.25), [0.25, 0.25, 0.25, None]),
    (refused(Code.RATE_LIMITED, 429, 0), [1, 2, 4, None]),  # a Retry-After of 0 is ignored
    (refused(Code.OVERLOADED, 503, 20), [20]),
    (refused(Code.RATE_LIMITED, 429, 20.5), [None]),
    (refused(Code.PROVIDER_ERROR, 500, 21), [None]),
    (refused(Code.QUOTA_EXCEEDED, 429), [None]),  # waiting does not help
    (refused(Code.CONTEXT_TOO_LONG, 429), [None]),
    (refused(Code.AMBIGUOUS, 502), [None]),  # it may be running
    (refused(Code.AMBIGUOUS, 504), [None]),
    (refused(Code.AMBIGUOUS), [None]),
    (refused(Code.CUT), [None]),
    (refused(Code.PROVIDER_ERROR, 408), [None]),
    (refused(Code.PROVIDER_ERROR, 409), [None]),
    (refused(Code.PROVIDER_ERROR), [None]),  # reported by an event: it ran
    (refused(Code.RATE_LIMITED), [None]),
    (refused(Code.OVERLOADED), [None]),
    (refused(Code.BAD_REQUEST, 400), [None]),
    (refused(Code.UNAUTHORIZED, 401), [None]),
    (refused(Code.MODEL_NOT_FOUND, 404), [None]),
    (refused(Code.CONTENT_FILTER), [None]),
]


@pytest.mark.parametrize(("failed", "pauses"), PAUSES)
def test_the_pause_before_each_retry(failed: Failed, pauses: list[float | None]) -> None:
    assert [pause_before_retry(failed, attempt, 0) for attempt in range(1, len(pauses) + 1)] == pauses


@pytest.mark.parametrize("failed", [refused(Code.UNREACHABLE), refused(Code.RATE_LIMITED, 429, 20)])
def test_jitter_adds_a_quarter_at_most(failed: Failed) -> None:
    least = pause_before_retry(failed, 1, 0)
    assert least is not None
    assert pause_before_retry(failed, 1, 0.5) == least * 1.125
    assert pause_before_retry(failed, 1, 1) == least * 1.25


class Case:
    """One message to the offline model, and its outcome."""

    def __init__(self, llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str) -> None:
        self._llm, self._journal, self._offline, self._id = llm, journal, offline, generation_id

    async def ask(self, script: str, retries: int | None = None) -> tuple[str, int, int]:
        """Status, attempts, and creates that the provider accepted."""
        more = {} if retries is None else {"retries": retries}
        try:
            await self._llm.call(f"say yes [offline: {script}]", metadata={"generation_id": self._id}, **more)
        except errors.CallFailed as failure:
            assert failure.calls == (self._journal.log,)
        log = self._journal.log
        return log.status, log.attempts, await self._offline.creates(self._id)


@pytest.fixture
def case(llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str) -> Case:
    return Case(llm, journal, offline, generation_id)


ASKED = [
    # script, status, attempts, creates
    ("status=429 times=2", "completed", 3, 1),
    ("status=503 times=3", "completed", 4, 1),
    ("status=529 times=1", "completed", 2, 1),
    ("html=503 times=1", "completed", 2, 1),
    ("status=500 times=1", "completed", 2, 1),
    ("status=500 times=2", "provider_error", 2, 0),
    ("status=429", "rate_limited", 4, 0),
    ("status=503", "overloaded", 4, 0),
    ("status=429 retry_after=21", "rate_limited", 1, 0),
    ("status=429 code=insufficient_quota", "quota_exceeded", 1, 0),
    ("status=502 times=1", "ambiguous", 1, 0),
    ("status=504 times=1", "ambiguous", 1, 0),
    ("status=408 times=1", "provider_error", 1, 0),
    ("status=400 times=1", "bad_request", 1, 0),
    ("cut=0 times=1", "ambiguous", 1, 1),
    ("cut=1 times=1", "cut", 1, 1),
    ("error=0 code=rate_limit_exceeded", "rate_limited", 1, 1),  # an event came first
    ("failed code=server_is_overloaded", "overloaded", 1, 1),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("script", "status", "attempts", "creates"), ASKED)
async def test_only_requests_that_never_ran_are_sent_again(
    case: Case, script: str, status: str, attempts: int, creates: int
) -> None:
    assert await case.ask(script) == (status, attempts, creates)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("most", [0, 1, 2, 9])
async def test_a_caller_can_have_fewer_retries_but_not_more(case: Case, most: int) -> None:
    assert await case.ask("status=429", retries=most) == ("rate_limited", min(most, 3) + 1, 0)


async def test_retry_after_is_respected(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    with caplog.at_level(logging.DEBUG, "chat.llm"):
        assert await case.ask("status=429 times=2 retry_after=0.1") == ("completed", 3, 1)
    assert time.monotonic() - began >= 0.2
    assert caplog.text.count("retried in 0.1 s") == 2


async def test_all_pauses_of_a_request_are_thirty_seconds_at_most(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def no_sleep(seconds: float) -> None:
        pauses.append(seconds)

    patches.RETRIES_ASYNCIO.replace(monkeypatch, SimpleNamespace(sleep=no_sleep))  # other tasks still sleep
    status, attempts, _ = await case.ask("status=429 retry_after=9")
    assert (status, attempts) == ("rate_limited", len(pauses) + 1)
    assert 2 <= len(pauses) <= 3
    assert sum(pauses) <= retries.MAX_WAIT_SECONDS
    assert all(9 <= pause <= 9 * 1.25 for pause in pauses)


@pytest.mark.usefixtures("impatient")
async def test_an_unreachable_server_is_tried_four_times(journal: MemoryJournal) -> None:
    async with LLMClient(
        api_key="x", base_url=f"http://127.0.0.1:{free_port()}/v1", prices=PRICES, journal=journal
    ) as llm:
        with pytest.raises(errors.ProviderFailed) as raised:
            await llm.call("hello")
    assert raised.value.code == journal.log.status == Code.UNREACHABLE
    assert (journal.log.attempts, journal.log.estimated, journal.log.uncertain, journal.log.cost) == (
        4,
        False,
        False,
        0,
    )


@pytest.mark.usefixtures("impatient")
async def test_every_attempt_is_in_our_log_and_only_the_last_one_is_a_warning(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "chat.llm"):
        await case.ask("status=429")
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == [1, 2, 3, 4]
    assert "not retried" in caplog.records[-1].getMessage()
    assert [record.levelno for record in caplog.records if isinstance(record.args, tuple)] == [logging.DEBUG] * 3 + [
        logging.WARNING
    ]


@pytest.mark.usefixtures("impatient")
async def test_a_text_comes_once_after_retries(case: Case, journal: MemoryJournal) -> None:
    assert (await case.ask("status=503 times=2"))[0] == "completed"
    assert (journal.log.output, len(journal.created_ids), len(journal.planned)) == ("yes", 1, 1)
