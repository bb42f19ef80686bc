"""Which statements an answer takes, from the message to its stored end, and which a chat's page takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chat.logs.about import known
from chat.search import indexing
from chat.services.replies import (
    admission,
    finish,
    lease,
    path,
    prompt,
    queue,
    queue_runs,
    send,
    snapshot,
    storing,
    thread_deletion,
    thread_list,
)
from chat.services.usage import budgets, ledger
from tests.support import patches
from tests.support.cast import Person
from tests.support.replies import ready
from tests.support.site import Beside, Site
from tests.support.waiting import eventually

MODULES = (
    thread_deletion,
    queue,
    queue_runs,
    finish,
    lease,
    path,
    prompt,
    send,
    storing,
    budgets,
    ledger,
    admission,
    indexing,
    snapshot,
    thread_list,
)
NAMES = {
    " ".join(text.split()): f"{module.__name__.rpartition('.')[2]}.{name}"
    for module in MODULES
    for name, text in vars(module).items()
    if name.isupper() and isinstance(text, str)
}
START = [
    "send.STORED",
    "admission.ACTIVE",
    "BEGIN;",
    "storing.ADVANCE",
    "storing.ADD_MESSAGE",
    "storing.ADD_ANSWER",
    "admission.LOCK_USER",
    "admission.ALIVE",
    "COMMIT;",
    "path.SPOKEN",
    "prompt.TOOL_SIZES",
    "lease.ASKING",
]
LAST = "queue_runs.READY_AFTER"
END = [
    "lease.CREATED",
    "finish.QUESTION",
    "BEGIN;",
    "finish.END",
    "budgets.RELEASE",
    "ledger.RECORD",
    "COMMIT;",
    LAST,
]
PAGE = ["snapshot.THREAD", "path.PAGE", "thread_list.PAGE"]
# Of the worker, now and then; the index gets an answer after its end.
OTHERS = {
    "lease.RENEW",
    "lease.EXPIRED",
    "queue_runs.ALL_READY",
    "thread_deletion.DUE",
    "indexing.TEXTS",
    "indexing.ADD",
    "indexing.LATER",
}


@pytest.fixture
def by_request() -> dict[str, list[str]]:
    """The same names, by the request that the statements belong to."""
    return {}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, by_request: dict[str, list[str]]) -> Iterator[list[str]]:
    """The names of the statements that are sent to PostgreSQL."""
    said: list[str] = []
    for part in (patches.FETCH, patches.EXECUTE):

        async def recorded(connection: Any, statement: str, *given: Any, _send: Any = part.value, **named: Any) -> Any:
            plain = " ".join(statement.split())
            request = known().get("request", "")  # none: a loop of one of the sites in this process
            if request and NAMES.get(plain) not in OTHERS:
                said.append(NAMES.get(plain, plain))
                by_request.setdefault(request, []).append(said[-1])
            return await _send(connection, statement, *given, **named)

        part.replace(monkeypatch, recorded)
    yield said


async def test_an_answer_takes_few_statements_and_one_commit_before_the_model_is_asked(
    site: Site, beside: Beside, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_wait(*_: Any, **__: Any) -> int:
        return 0

    patches.LIMITS_WAIT.replace(monkeypatch, no_wait)
    async with beside(RATE_LIMITS="on") as limited, Person.signed_up(limited, "alice") as alice:
        posted = await ready(alice)
        async with alice.tab(posted["thread_id"]) as tab:
            await tab.until_type("welcome")
            said.clear()
            accepted = await tab.say("say Hello again")
            await tab.until_finished(accepted["reply_id"])
            await eventually(lambda: said[-1] == LAST)
    asked = said.index("lease.ASKING") + 1

    assert said[:asked] == START
    assert said[asked:] == END
    assert len(START) <= 12
    assert START.count("COMMIT;") == END.count("COMMIT;") == 1


@pytest.mark.usefixtures("said")
async def test_a_page_takes_five_statements(alice: Person, by_request: dict[str, list[str]]) -> None:
    posted = await ready(alice)
    answer = await alice.http.get(f"/chat/{posted['thread_id']}/")

    assert answer.status_code == 200
    session, thread, *others = by_request[answer.headers["X-Request-Id"]]
    assert "auth_session" in session and "chat_thread" in thread
    assert others == PAGE
