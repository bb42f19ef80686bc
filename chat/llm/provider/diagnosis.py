"""Why a server refused a request: the code, the limit and the part of the request that its error body is about."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from chat.llm.events import Code
from chat.llm.provider import request as parts
from chat.llm.provider.error_bodies import Told
from chat.llm.provider.error_words import (
    ABOUT_OUTPUT,
    CLASS_CODES,
    CONTEXT,
    EXACT_CODES,
    HISTORY,
    MAX_TOKENS,
    MENTION,
    MIN_ROOM,
    OUTPUT,
    PARTS,
    PROMPT,
    SENTENCES,
    STATUSES,
    TOO_LARGE,
)

NOT_FOUND_PARTS = (parts.HISTORY_REASONING, parts.HISTORY_TOOLS, parts.PREVIOUS_RESPONSE_ID)
_SENTENCES = {code: re.compile("|".join(alternatives)) for code, alternatives in SENTENCES}


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """`limit` is in tokens: of the context, or of the output if the code is OUTPUT_LIMIT; None if unknown.

    `part` is the word of `ModelRequest.leave_out` that the error names, if it names one.
    """

    code: Code
    limit: int | None = None
    prompt_tokens: int | None = None
    part: str = ""


def of_response(status: int, told: Told) -> Diagnosis:
    """Why the server answered with this HTTP status. The words of a page are a proxy's, so only its status counts."""
    found = None if told.is_page else _of_words(told)
    vague = found is None or found.code in (Code.BAD_REQUEST, Code.PROVIDER_ERROR)
    if found and not vague:
        return found
    if status == HTTPStatus.NOT_FOUND and not told.is_page:
        part = _part(told)
        if part in NOT_FOUND_PARTS:
            return Diagnosis(code=Code.BAD_REQUEST, part=part)
        if re.search("model|deployment", told.text):
            return Diagnosis(code=Code.MODEL_NOT_FOUND)
    code = STATUSES.get(status) or _of_class(status)
    if code is Code.BAD_REQUEST and told.is_page:
        code = Code.WRONG_API
    return Diagnosis(code=code, part=_part(told) if code is Code.BAD_REQUEST else "")


def _of_class(status: int) -> Code:
    if status < HTTPStatus.BAD_REQUEST:  # an error in a response with status 200
        return Code.PROVIDER_ERROR
    return Code.AMBIGUOUS if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Code.BAD_REQUEST


def of_event(told: Told) -> Diagnosis:
    """Why a response failed that had begun."""
    found = _of_words(told)
    if found is None and told.status:
        found = of_response(told.status, told)
    if found is None:
        return Diagnosis(code=Code.PROVIDER_ERROR)
    if found.code is Code.MODERATED:  # the answer had begun, so the output was filtered
        return msgspec.structs.replace(found, code=Code.CONTENT_FILTER)
    return found


def _of_words(told: Told) -> Diagnosis | None:
    """What the codes and sentences say; None if they say nothing that is known."""
    exact = next((code for word, code in EXACT_CODES.items() if word in told.codes), None)
    if "stringabovemaxlength" in told.codes and _is_input(told):
        exact = Code.CONTEXT_TOO_LONG
    if exact is None and (output := _output_limit(told)):
        return output
    code = exact or next((code for code, sentence in _SENTENCES.items() if sentence.search(told.text)), None)
    if code is Code.QUOTA_EXCEEDED and exact is None and told.retry_after_seconds:  # Gemini: per minute
        code = Code.RATE_LIMITED
    if code is None:
        code = next((code for word, code in CLASS_CODES.items() if word in told.codes), None)
    match code:
        case None:
            return None
        case Code.CONTEXT_TOO_LONG:
            return _context_too_long(told)
        case Code.TOOLS_UNSUPPORTED:
            return Diagnosis(code=code, part=parts.TOOLS)
        case Code.BAD_REQUEST:
            return Diagnosis(code=code, part=_part(told))
        case _:
            return Diagnosis(code=code)


def _is_input(told: Told) -> bool:
    return not told.parameters or any(one.startswith(("input", "instructions", "messages")) for one in told.parameters)


def _context_too_long(told: Told) -> Diagnosis:
    """If the answer's length is what does not fit, it is shortened instead of the history."""
    context = told.context or _number(CONTEXT, told.text)
    prompt = told.prompt or _number(PROMPT, told.text)
    if context and prompt and ABOUT_OUTPUT.search(told.text):
        room = context - prompt
        if room >= max(MIN_ROOM, context // 8):
            return Diagnosis(code=Code.OUTPUT_LIMIT, limit=room, prompt_tokens=prompt)
    return Diagnosis(code=Code.CONTEXT_TOO_LONG, limit=context, prompt_tokens=prompt)


def _output_limit(told: Told) -> Diagnosis | None:
    """Whether `max_output_tokens` is larger than the model allows."""
    named = any(re.fullmatch(MAX_TOKENS, one) for one in told.parameters)
    if not (named or ABOUT_OUTPUT.search(told.text)) or not TOO_LARGE.search(told.text):
        return None
    if _SENTENCES[Code.CONTEXT_TOO_LONG].search(told.text):
        return _context_too_long(told)
    limit = _number(OUTPUT, told.text)
    if limit is None and not named:
        return None
    return Diagnosis(code=Code.OUTPUT_LIMIT, limit=limit - 1 if limit and "(exclusive)" in told.text else limit)


def _number(patterns: tuple[str, ...], text: str) -> int | None:
    found = next((match for pattern in patterns if (match := re.search(pattern, text))), None)
    return int(re.sub(r"[,_]", "", found[1])[:9]) if found else None


def _part(told: Told) -> str:
    """The part of the request that the error names; empty if it names none."""
    asked = "not supported with this model" in told.text or "include" in told.parameters
    for part, pattern in HISTORY:
        if re.search(pattern, told.text) and not asked:
            return part
    for part, exact, word in PARTS:
        name = rf"(?:{exact}|{word})(?:[.\[].*)?"
        if any(re.fullmatch(name, one) for one in told.parameters):
            return part
    for part, exact, word in PARTS:
        if re.search(rf"{exact}|{MENTION.format(word=word)}", told.text):
            return part
    return ""
