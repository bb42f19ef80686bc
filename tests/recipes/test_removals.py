"""Each recipe of docs/extending.md that removes something leaves a project whose other tests pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.recipe import MIGRATIONS, REMOVALS, Copy

pytestmark = pytest.mark.timeout(900)  # each copies the project, checks its types, and starts its own stores

STILL_PASSING = {
    "Remove a tool": (
        "tests/tools",
        "tests/services/replies/test_reply.py::test_a_tool_runs_between_two_rounds_of_one_reply",
    ),
    "Remove the offline model": (
        "tests/test_development.py::test_the_start_prints_the_address_and_the_end_leaves_no_process",
        "tests/test_development.py::test_what_is_wrong_is_named_in_a_sentence",
        "tests/test_settings.py",
        "tests/test_first_answer.py",
        "tests/llm/test_llm_document.py",
        "tests/services/replies/test_plain_server.py",
    ),
    "Remove budgets": (
        *MIGRATIONS,
        "tests/test_settings.py",
        "tests/services/replies/test_send.py",
        "tests/services/replies/test_statements.py",
        "tests/services/usage",
        "tests/web/usage",
        "tests/web/accounts/test_export.py",
        "tests/test_doctor.py::test_a_set_up_that_is_right_has_no_problem",
        "tests/test_doctor.py::test_a_price_that_is_unknown",
    ),
    "Remove two-factor authentication": (
        *MIGRATIONS,
        "tests/web/test_routes.py",
        "tests/web/accounts/test_accounts.py",
        "tests/web/accounts/test_login.py",
        "tests/web/accounts/test_export.py",
        "tests/web/test_kept.py",
        "tests/test_backup.py::test_sessions_links_and_chats_work_on_a_restored_site",
        "tests/journeys/test_first_conversation.py",
    ),
}


@pytest.mark.parametrize("title", REMOVALS)
def test_what_is_removed_leaves_a_working_project(title: str, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    copy.apply(title)
    copy.run("python", "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "-p", "no:xdist")
    copy.check(*STILL_PASSING[title])
