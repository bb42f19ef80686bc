"""Rows 28 to 33: the provider refuses, fails, cuts the stream, or falls silent."""

from __future__ import annotations

import time

import pytest

from tests.faults.cluster import SILENCE_SECONDS, Cluster
from tests.faults.story import asked, counting

pytestmark = pytest.mark.timeout(120)
NEVER_SHOWN = ("<html", "gateway", "was told to answer", "Traceback", "HTTP")  # the provider's own words


async def test_row_28_two_429s_are_waited_out_and_the_third_request_succeeds(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    began = time.monotonic()
    script = "status=429 retry_after=1 times=2"
    async with asked(cluster, *counting(30, script=script), at=one, tabs=[one, two]) as story:
        row = await story.over(20)
        took = time.monotonic() - began

        assert await story.creates() == 1
        [call] = await story.calls()
    assert row["status"] == "final"
    assert call["attempts"] == 3
    assert took >= 2


@pytest.mark.parametrize("status", [429, 503])
async def test_row_29_a_provider_that_always_refuses_is_a_failure_within_35_s(cluster: Cluster, status: int) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(3, script=f"status={status}"), at=one, tabs=[one, two]) as story:
        row = await story.over(35)
        [error] = [frame for frame in story.tabs[1].frames if frame["type"] == "response.error"][:1]

        assert (row["status"], row["content"]) == ("error", "")
        assert await story.creates() == 0
    assert row["reason"] == error["code"] == {429: "rate_limited", 503: "overloaded"}[status]
    assert error["retryable"]


@pytest.mark.parametrize(
    "script", ["status=500", "html=502", "html=504", "status=400", "status=401", "badjson=1", "failed", "error=3"]
)
async def test_row_30_a_failing_provider_ends_the_answer_with_our_error(cluster: Cluster, script: str) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(60, 1, script), at=one, tabs=[one, two]) as story:
        row = await story.over(20)
        page = await story.person.http.get(f"/chat/{story.thread_id}/")
        answer = page.text.rpartition("[offline:")[2].partition("]")[2]

        assert await story.creates() <= 1
    assert row["status"] in ("error", "interrupted")
    assert row["error"]
    assert not [words for words in NEVER_SHOWN if words in row["error"]]
    assert not [words for words in ("The gateway says", "was told to answer") if words in answer]


async def test_row_31_a_provider_that_never_begins_is_not_asked_again_and_its_row_is_uncertain(
    cluster: Cluster,
) -> None:
    [one] = await cluster.workers(1)
    async with asked(cluster, *counting(3, script="delay=150"), at=one, tabs=[one]) as story:
        row = await story.over(SILENCE_SECONDS + 20)

        assert await story.creates() == 1
        [call] = await story.calls()
    assert (row["status"], row["reason"]) == ("error", "ambiguous")
    assert call["uncertain"]


@pytest.mark.parametrize("script", ["cut=0", "cut=1", "cut=17", "midutf8=9", "eof=5", "eof=0"])
async def test_row_32_a_stream_that_is_cut_leaves_exactly_what_came(cluster: Cluster, script: str) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(60, 5, script), at=one, tabs=[one, two]) as story:
        row = await story.over(20)
        deltas = int(script.partition("=")[2])

        assert await story.creates() == 1
    assert row["status"] == ("interrupted" if deltas else row["status"])
    assert row["status"] != "final"
    assert row["content"].count(",") <= deltas
    assert bool(row["content"]) == bool(deltas)


async def test_row_33_a_silent_stream_ends_like_a_cut_one(cluster: Cluster) -> None:
    [one] = await cluster.workers(1)
    async with asked(cluster, *counting(60, 5, "pause=9:60"), at=one, tabs=[one]) as story:
        row = await story.over(SILENCE_SECONDS + 20)

        assert await story.creates() == 1
    assert row["status"] == "interrupted"
    assert row["content"]
