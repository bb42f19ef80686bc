"""Error bodies of many servers are told apart: the code, the limit and the part of the request that was refused.

The bodies in error_bodies.jsonl are those of public bug reports and of the servers' sources, read 2026-11-29.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chat.llm.events import Code
from chat.llm.provider import diagnosis, error_bodies

BODIES = [json.loads(line) for line in Path(__file__).with_name("error_bodies.jsonl").read_text().splitlines()]


def bytes_of(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


@pytest.mark.parametrize("row", BODIES, ids=[row["name"] for row in BODIES])
def test_an_error_is_told_apart(row: dict[str, Any]) -> None:
    found = diagnosis.of_response(row["status"], error_bodies.of_bytes(bytes_of(row["body"])))
    assert (found.code, found.limit, found.part) == (row["code"], row.get("limit"), row.get("part", ""))


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-le", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("named", [True, False])
def test_a_body_is_read_in_its_encoding(encoding: str, named: bool) -> None:
    body = json.dumps({"error": {"message": "Modèle: insufficient balance"}}, ensure_ascii=False).encode(encoding)
    kind = f"application/json; charset={encoding}" if named else "application/json"
    told = error_bodies.of_bytes(body, kind)
    assert "modèle" in told.text
    assert diagnosis.of_response(400, told).code is Code.QUOTA_EXCEEDED


GARBAGE = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xff\xfe\x00\xd8",
    b"[" * 100_000,
    b'{"error":' * 5_000 + b"1" + b"}" * 5_000,
    json.dumps({"error": {"message": ["x"] * 100_000}}).encode(),
    json.dumps({"error": {"code": {"code": [None, True, 1e300, -1, 10**400]}}}).encode(),
    b'{"error": {"message": "\\ud800", "code": "\\u0000", "param": [null, {}]}}',
    b"a" * 60_000,
    b"max_tokens " * 5_000 + b"> 9",
    b"not supported " * 4_000,
    b"<html>" + b"<title" * 10_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("kind", ["", "text/html; charset=nonsense", "charset", "a;b=\x00"])
def test_garbage_is_a_failure_too(body: bytes, kind: str) -> None:
    told = error_bodies.of_bytes(body, kind)
    assert diagnosis.of_response(400, told).code in Code
    assert diagnosis.of_event(told).code in Code
    told.text.encode()


WAITS = [
    ("Rate limit reached for gpt-4o. Please try again in 1.2s.", 1.2),
    ("Rate limit reached. Please try again in 6m0s.", 360),
    ("Please try again in 20ms.", 0.02),
    ("Please retry after 9 seconds.", 9),
    ("Please wait 83721 seconds before retrying.", 83721),
    ("No deployments available for selected model, Try again in 60 seconds.", 60),
    ("Too many requests", None),
]


@pytest.mark.parametrize(("message", "seconds"), WAITS)
def test_the_wait_is_read_from_the_sentence(message: str, seconds: float | None) -> None:
    told = error_bodies.of_bytes(bytes_of({"error": {"message": message}}))
    assert told.retry_after_seconds == seconds
    assert diagnosis.of_response(429, told).code is Code.RATE_LIMITED


def test_an_error_in_a_stream_stops_the_answer_not_the_message() -> None:
    [body] = [row["body"] for row in BODIES if row["name"] == "azure filter"]
    assert diagnosis.of_event(error_bodies.of_value(body)).code is Code.CONTENT_FILTER
