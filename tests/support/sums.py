"""The overview together with the sums of the same rows, although replies of other tests may end in between."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.database import query
from tests.support.cast import Person
from tests.support.page import Page

SECONDS = 20
TODAY = """
SELECT count(*) AS calls, coalesce(sum(total_tokens), 0) AS tokens, coalesce(sum(cost), 0) AS cost,
       count(*) FILTER (WHERE caller = 'chat' AND round = 1) AS replies,
       count(*) FILTER (WHERE cost IS NULL) AS unpriced,
       count(*) FILTER (WHERE status = 'rate_limited') AS rate_limited,
       count(*) FILTER (WHERE status NOT IN ('completed', 'incomplete', 'refused', 'stopped')) AS errors
FROM llm_call_log WHERE created_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
"""


async def overview(root: Person) -> Page:
    """The overview page."""
    answer = await root.http.get("/admin/")
    assert answer.status_code == 200
    return Page(answer.text)


async def overview_beside_sums(root: Person) -> tuple[Page, dict[str, Any]]:
    """The page and today's sums, read again until no row was added while the page was made."""
    async with asyncio.timeout(SECONDS):
        while True:
            [before] = await query(TODAY)
            page = await overview(root)
            [after] = await query(TODAY)
            if before == after:
                return page, after
