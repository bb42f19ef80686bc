"""Forms with too many fields are refused before they are parsed, in every encoding."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from chat.web.form_parser import MAX_FIELDS, MAX_PART_HEAD_BYTES
from tests.support import patches
from tests.support.cast import Person

URLENCODED = "application/x-www-form-urlencoded"
BOUNDARY = "----a-boundary-of-a-browser"
FORM_DATA = f"multipart/form-data; boundary={BOUNDARY}"
LOGIN = "/accounts/login/"


def part(name: str | None, value: str = "", *lines: str) -> str:
    named = "" if name is None else f'; name="{name}"'
    return "\r\n".join([f"--{BOUNDARY}", f"Content-Disposition: form-data{named}", *lines, "", value, ""])


def form_data(*parts: str) -> bytes:
    return "".join([*parts, f"--{BOUNDARY}--\r\n"]).encode()


EMAIL = part("email", "nobody@example.com")


async def post(person: Person, content: bytes, kind: str) -> httpx.Response:
    return await person.http.post(LOGIN, content=content, headers={"Content-Type": kind})


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was parsed."""
    seen: list[object] = []

    def noted(original: Any) -> Any:
        def parse(*args: Any, **more: Any) -> Any:
            seen.append(args)
            return original(*args, **more)

        return parse

    for part in (patches.PARSED_FIELDS, patches.PARSED_PART):
        part.replace(monkeypatch, noted(part.value))
    return seen


TOO_MANY = {
    "fields": (b"&".join([b"a=b"] * (MAX_FIELDS + 1)), URLENCODED),
    "separators": (b"&" * 500_000, URLENCODED),
    "another name of the encoding": (b"&" * 500_000, "application/x-url-encoded"),
    "parts": (form_data(*[part("a")] * (MAX_FIELDS + 1)), FORM_DATA),
    "delimiters alone": (f"--{BOUNDARY}\r\n".encode() * 15_000, FORM_DATA),
    "a long header": (form_data(part("a", "", "X-Long: " + "a" * MAX_PART_HEAD_BYTES)), FORM_DATA),
    "many headers": (form_data(part("a", "", *["X: y"] * 100)), FORM_DATA),
    "empty headers": (form_data(part("a", "", *[":"] * 100_000)), FORM_DATA),
    "no end of the headers": (f"--{BOUNDARY}\r\n".encode() + b":\n" * 200_000, FORM_DATA),
}


@pytest.mark.parametrize("kind", TOO_MANY)
async def test_too_many_are_refused_before_they_are_parsed(nobody: Person, parsed: list[object], kind: str) -> None:
    answer = await post(nobody, *TOO_MANY[kind])

    assert answer.status_code == 413
    assert parsed == []


async def test_a_body_without_a_length_is_bounded_too(nobody: Person) -> None:
    async def pieces() -> Any:
        yield form_data(part("email", "x"))[:-4]
        for _ in range(100):
            yield b"x" * 10_000

    try:
        answer = await nobody.http.post(LOGIN, content=pieces(), headers={"Content-Type": FORM_DATA})
    except (httpx.ReadError, httpx.WriteError):  # it hung up while more was still being sent
        return
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"&".join([b"email=nobody%40example.com", b"password=wrong", *[b"a=b"] * (MAX_FIELDS - 2)]), URLENCODED),
        (form_data(EMAIL, *[part("a")] * (MAX_FIELDS - 1)), FORM_DATA),
        (form_data(EMAIL, part(None, "x"), part("f", "x", "Content-Type: text/plain; charset=utf-8")), FORM_DATA),
    ],
    ids=["urlencoded", "multipart", "a part without a name"],
)  # fmt: skip
async def test_as_many_as_allowed_are_read(nobody: Person, content: bytes, kind: str) -> None:
    answer = await post(nobody, content, kind)

    assert answer.status_code == 422
    assert "nobody@example.com" in answer.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (form_data(part("email", "x")), "multipart/form-data"),
        (form_data(part("email", "x")), "multipart/form-data; boundary="),
        (form_data(part("email", "x")), "multipart/form-data; boundary*=utf-8''%C3%A9"),
        (b"no form", FORM_DATA),
        (b'{"email": "x"}', "application/json"),
        (b"\xff" * 100, URLENCODED),
        (b"%ff=%00&=&%", URLENCODED),
        (b"", FORM_DATA),
    ],
)
async def test_garbage_is_an_empty_form(nobody: Person, content: bytes, kind: str) -> None:
    assert (await post(nobody, content, kind)).status_code == 422


@pytest.mark.parametrize(("count", "status"), [(MAX_FIELDS, 200), (MAX_FIELDS + 1, 400), (7_000, 400)])
async def test_query_strings_are_bounded_too(nobody: Person, count: int, status: int) -> None:
    assert (await nobody.http.get(f"{LOGIN}?{'&'.join(['a'] * count)}")).status_code == status
