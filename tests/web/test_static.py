"""Files of the pages: cached permanently under the address of their content, revalidated under any other."""

from __future__ import annotations

import pytest

from tests.support.cast import Person
from tests.support.page import Page
from tests.support.production import Production

FOR_EVER = {"public", "max-age=31536000", "immutable"}


def caching(header: str) -> set[str]:
    return set(header.replace(" ", "").split(","))


async def addresses(person: Person) -> list[str]:
    page = Page((await person.http.get("/")).text)
    return [
        page.find("link", rel="icon")["href"],
        page.find("link", rel="stylesheet")["href"],
        next(script["src"] for script in page.all("script") if "src" in script),
    ]


async def test_a_page_names_its_files_by_their_version_and_they_are_kept_for_a_year(nobody: Person) -> None:
    types = []
    for address in await addresses(nobody):
        answer = await nobody.http.get(address)
        assert answer.status_code == 200
        assert caching(answer.headers["Cache-Control"]) == FOR_EVER
        assert len(answer.content) > 200
        types.append(answer.headers["Content-Type"].split(";")[0])
    assert types == ["image/svg+xml", "text/css", "text/javascript"]


async def test_production_does_the_same(production: Production) -> None:
    async with production.visitor() as visitor:
        for address in await addresses(visitor):
            for _ in range(2):  # the version is read once and remembered
                answer = await visitor.http.get(address)
                assert caching(answer.headers["Cache-Control"]) == FOR_EVER


@pytest.mark.parametrize("version", ["", "?v=", "?v=000000000000", "?version=1"])
async def test_an_address_without_the_current_version_is_revalidated_each_time(nobody: Person, version: str) -> None:
    """In a deploy a page of the new server may get its files from the old one, and must not keep them as new."""
    answer = await nobody.http.get(f"/static/dist/app.js{version}")

    assert answer.status_code == 200
    assert caching(answer.headers["Cache-Control"]) == {"public", "no-cache"}
    assert "Expires" not in answer.headers


async def test_what_has_not_changed_is_not_sent_again(nobody: Person) -> None:
    first = await nobody.http.get("/static/dist/app.js")
    second = await nobody.http.get("/static/dist/app.js", headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status_code, second.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["../chat/app.py", "..%2fchat%2fapp.py", "%2e%2e/pyproject.toml", "/etc/passwd", "%00", "dist", "", "none.js"],
)
async def test_nothing_else_can_be_read(nobody: Person, path: str) -> None:
    answer = await nobody.http.get(f"/static/{path}?v=1")

    assert answer.status_code in (301, 308, 404)


async def test_files_cannot_be_changed(nobody: Person) -> None:
    assert (await nobody.http.post("/static/dist/app.js")).status_code == 405
