"""Titles of threads: the first words of the first message, until a small model has written a better one."""

from __future__ import annotations

import logging
import re

import pydantic

from chat.database import query
from chat.llm.errors import CallFailed
from chat.models import TITLE_MAX_LENGTH, TitleBy
from chat.services.deps import Deps
from chat.services.replies import prompt
from chat.services.replies.emoji import with_emoji
from chat.services.replies.lease import Claim
from chat.services.replies.threads import set_title, tidy_title
from chat.services.usage.ledger import UsageJournal
from chat.text import is_visible

logger = logging.getLogger(__name__)

AIM_CHARACTERS = 30
EXCERPT_CHARACTERS = 2_000  # of each message: its beginning shows the subject
MAX_OUTPUT_TOKENS = 1_000  # a reasoning model needs some for its reasoning
TIMEOUT_SECONDS = 30.0

TITLE_AIM = 60  # characters
TITLE_LOOK, TITLE_LINES = 300, 20  # characters of a line, and lines, that are searched for words
LEADING_MARKS = re.compile(r"^(?:#{1,6} +|> ?|[-*+] +|\d{1,3}[.)] +|\[[ xX]\] +)+")
NO_WORDS = re.compile(r"^(?:```|~~~|[-*_=#> ]+$)")  # the fence of a code block, a rule
INLINE_MARKS = re.compile(
    r"(?P<ticks>`+)(?P<code>[^`]+)(?P=ticks)"
    r"|!?\[(?P<link>[^\[\]]+)\]\([^()]*\)"
    r"|(?<![\w\\])(?P<mark>\*{1,3}(?!\*)|_{1,3}(?!_)|~~(?!~))(?=\S)(?P<words>.+?)(?<=\S)(?P=mark)(?!\w|\.\w)"
)

FIRST_EXCHANGE = """
SELECT question.content AS question, answer.content AS answer
FROM chat_thread t
JOIN chat_message answer ON answer.thread_id = t.id AND answer.id = $2
JOIN chat_message question ON question.id = $3
WHERE t.id = $1 AND t.deleted_at IS NULL AND t.title_by = 'words' AND answer.status = 'final' AND answer.content <> ''
"""


class Title(pydantic.BaseModel):
    """The model's structured answer."""

    title: str


async def write_title(claim: Claim, deps: Deps) -> None:
    """Write a title after a thread's first answer; on failure the thread keeps its first words."""
    ids = (claim.thread_id, claim.answer_id, claim.question_id)
    exchange = await query(FIRST_EXCHANGE, *ids) if _is_wanted(claim, deps) else []
    if not exchange:
        return
    try:
        title = await _ask(exchange[0]["question"], exchange[0]["answer"], claim, deps)
    except CallFailed as failure:
        logger.info("A thread keeps the first words as its title: %s: %s", failure.code, failure.detail)
        return
    if title:
        await set_title(claim.user_id, claim.thread_id, title, TitleBy.MODEL, broadcast=deps.broadcast)


def _is_wanted(claim: Claim, deps: Deps) -> bool:
    return deps.settings.llm_titles and claim.is_first


async def _ask(question: str, answer: str, claim: Claim, deps: Deps) -> str:
    settings = deps.settings
    model = settings.catalogue.for_titles
    result = await deps.llm.call(
        f"User: {question[:EXCERPT_CHARACTERS]}\n\nAssistant: {answer[:EXCERPT_CHARACTERS]}",
        model=model.name,
        instructions=prompt.instructions("title", characters=AIM_CHARACTERS),
        schema=Title,
        reasoning_effort="low" if model.reasons else "",
        max_output_tokens=MAX_OUTPUT_TOKENS,
        timeout_seconds=TIMEOUT_SECONDS,
        user=claim.user_id,
        caller="title",
        journal=UsageJournal(settings, deps.llm.prices, deps.metrics, deps.traces, about=claim.generation_id),
        metadata={"thread_id": str(claim.thread_id)},
    )
    return _cleaned(result.parsed.title)


def _cleaned(title: str) -> str:
    """The title without the quotation marks, Markdown and period that models add anyway."""
    title = with_emoji(tidy_title(title)).strip("\"'`*_# “”„«»").removesuffix(".")[:TITLE_MAX_LENGTH].strip()
    return title if is_visible(title) else ""


def title_from(content: str) -> str:
    """The first words of the first line that has any, without Markdown."""
    lines = [" ".join(line[:TITLE_LOOK].split()) for line in content.split("\n", TITLE_LINES)[:TITLE_LINES]]
    line = next(filter(is_visible, map(_unmarked, lines)), lines[0])
    if len(line) <= TITLE_AIM:
        return line
    return line[:TITLE_AIM].rsplit(" ", 1)[0] + "…"


def _unmarked(line: str) -> str:
    return "" if NO_WORDS.match(line) else with_emoji(INLINE_MARKS.sub(_words, LEADING_MARKS.sub("", line)).strip())


def _words(mark: re.Match[str]) -> str:
    """The text between the marks; inside code, marks are ordinary characters."""
    return (mark["code"] or INLINE_MARKS.sub(_words, mark["link"] or mark["words"] or "")).strip()
