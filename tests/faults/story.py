"""One answer with its tabs: wait for its events, and check at the end that row, tabs and provider agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.faults.cluster import Cluster, Worker
from tests.faults.oracle import FINISHED, Oracle, Rules
from tests.faults.visitors import Visitor
from tests.support.waiting import eventually

STATES = {"final": "completed", "stopped": "cancelled", "interrupted": "interrupted", "error": "failed"}
ROW = """
SELECT m.status, m.content, m.reasoning, m.error, g.id AS generation_id, g.state, g.reason, g.owner, g.fence,
    g.takeovers
FROM chat_message m JOIN generation g ON g.answer_id = m.id WHERE m.id = $1
"""
CALLS = "SELECT * FROM llm_call_log WHERE generation_id = $1 ORDER BY round"
MONTH = """
SELECT (SELECT (count(*), coalesce(sum(total_tokens), 0), coalesce(sum(cost), 0))
        FROM llm_call_log c WHERE c.user_id = u.id) AS calls,
       (SELECT (coalesce(sum(calls), 0), coalesce(sum(total_tokens), 0), coalesce(sum(cost), 0))
        FROM user_monthly_usage m WHERE m.user_id = u.id) AS month
FROM users u WHERE u.email = $1
"""
Address = Worker | str | list[str]
THOUGHTS = "".join(f"**Thought {number}** by the rules. " for number in range(1, 500))  # of the offline model


def counted(upto: int) -> str:
    """The text of the offline model when asked to count."""
    return ", ".join(str(number) for number in range(1, upto + 1))


@dataclass
class Story:
    """An answer. `text` is the complete text of the provider's script, after so many thoughts (None: unknown)."""

    cluster: Cluster
    person: Visitor
    thread_id: str
    reply_id: str
    text: str
    thoughts: int | None = None
    tabs: list[Oracle] = field(default_factory=list)

    async def until_text(self, length: int) -> None:
        """Wait until every tab shows this number of characters."""
        await asyncio.gather(*(tab.until_text(self.reply_id, length) for tab in self.tabs))

    async def row(self) -> dict[str, Any]:
        """The answer and its only generation, as stored."""
        [row] = await self.cluster.rows(ROW, self.reply_id)
        return row

    async def creates(self) -> int:
        """The number of requests that the provider accepted."""
        return await self.cluster.model.creates(str((await self.row())["generation_id"]))

    async def calls(self) -> list[dict[str, Any]]:
        """The rounds in the usage ledger."""
        return await self.cluster.rows(CALLS, (await self.row())["generation_id"])

    async def over(self, seconds: float, *, rounds: int = 1) -> dict[str, Any]:
        """The stored answer, once row and tabs have the same end; they have to within this time."""
        async with asyncio.timeout(seconds):
            for tab in self.tabs:  # before the row, which has to be asked for again and again
                await tab.until(lambda tab=tab: tab.status(self.reply_id) in FINISHED, seconds=seconds)
            row = await self.ended(seconds)
            for tab in self.tabs:
                await tab.until(
                    lambda tab=tab: (
                        tab.shows(self.reply_id) == {name: row[name] for name in ("status", "content", "reasoning")}
                    ),
                    seconds=seconds,
                )
        await self._check(row, rounds)
        return row

    async def ended(self, seconds: float) -> dict[str, Any]:
        """The stored answer, whatever the tabs show."""
        row: dict[str, Any] = await eventually(self._ended, seconds=seconds)
        return row

    async def _ended(self) -> dict[str, Any] | None:
        row = await self.row()
        return row if row["status"] in FINISHED else None

    async def _check(self, row: dict[str, Any], rounds: int) -> None:
        """Each end is announced once, the text is the provider's, and each request is in the usage ledger."""
        assert row["state"] == STATES[row["status"]]
        assert self.text.startswith(row["content"]), f"the provider never said {row['content'][-60:]!r}"
        assert row["status"] != "final" or row["content"] == self.text
        assert THOUGHTS.startswith(row["reasoning"]), f"the provider never thought {row['reasoning'][-60:]!r}"
        assert row["status"] != "final" or self.thoughts in (None, row["reasoning"].count("Thought"))
        creates, calls = await self.creates(), await self.calls()
        assert creates <= len(calls) <= rounds
        bill = await self.cluster.model.billed(str(row["generation_id"]))
        billed = [(entry["total_tokens"], Decimal(entry["cost"])) for entry in bill]
        reported = [
            (call["total_tokens"], call["cost"]) for call in calls if call["total_tokens"] and not call["estimated"]
        ]
        assert all(one in billed for one in reported), f"{reported} in the books, {billed} on the bill"
        [books] = await self.cluster.rows(MONTH, self.person.email)
        assert books["calls"] == books["month"]


@asynccontextmanager
async def asked(
    cluster: Cluster,
    question: str,
    text: str,
    *,
    at: Worker,
    tabs: Sequence[Address] = (),
    rules: Rules | None = None,
    thoughts: int | None = None,
) -> AsyncIterator[Story]:
    """Alice asks this worker; her tabs are open, each at its addresses."""
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(cluster.alice(at))
        posted = await alice.ask(question)
        story = Story(cluster, alice, posted["thread_id"], posted["reply_id"], text, thoughts)
        for address in tabs:
            urls = [address.url] if isinstance(address, Worker) else [address] if isinstance(address, str) else address
            tab = Oracle(alice, story.thread_id, urls, rules or Rules())
            story.tabs.append(await stack.enter_async_context(tab.open()))
        yield story


def counting(upto: int, pace_ms: int = 15, script: str = "") -> tuple[str, str]:
    """A question that takes as long as you want, and its answer."""
    return f"Count to {upto} [offline: pace={pace_ms} {script}]".replace(" ]", "]"), counted(upto)
