"""Files of the pages: cached permanently under the address of their content, revalidated under any other."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from quart import Quart
from quart.wrappers import Response
from werkzeug.exceptions import HTTPException

from chat.checkout import ROOT
from chat.web.static_files import KEPT_BYTES, StaticFiles
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.production import Production

FOR_EVER = {"public", "max-age=31536000", "immutable"}
EACH_TIME = {"public", "no-cache"}
CODE = b"export const words = 'The same words, again and again.';\n" * 100
FONT = b"wOF2" + bytes(range(256)) * 20
PLAIN, GZIP, BROTLI = "", "gzip", "br"


def caching(header: str) -> set[str]:
    return set(header.replace(" ", "").split(","))


async def addresses(person: Person) -> list[str]:
    page = Page((await person.http.get("/")).text)
    return [
        page.find("link", rel="icon")["href"],
        page.find("link", rel="stylesheet")["href"],
        next(script["src"] for script in page.all("script") if "src" in script),
    ]


async def raw(person: Person, address: str, accepted: str, **more: str) -> tuple[httpx.Response, bytes]:
    """The response with its body as it was sent."""
    headers = {"Accept-Encoding": accepted, **more}
    async with person.http.stream("GET", address, headers=headers) as response:
        return response, b"".join([piece async for piece in response.aiter_raw()])


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
    assert caching(answer.headers["Cache-Control"]) == EACH_TIME
    assert "Expires" not in answer.headers


async def test_what_has_not_changed_is_not_sent_again(nobody: Person) -> None:
    first = await nobody.http.get("/static/dist/app.js")
    second = await nobody.http.get("/static/dist/app.js", headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status_code, second.content) == (304, b"")


async def test_a_date_that_no_calendar_has_changes_nothing(nobody: Person) -> None:
    since = {"If-Modified-Since": "Fri, 31 Dec 99999999999 23:59:59 GMT"}

    assert (await nobody.http.get("/static/dist/app.js", headers=since)).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["../chat/app.py", "..%2fchat%2fapp.py", "%2e%2e/pyproject.toml", "/etc/passwd", "%00", "dist", "", "none.js"],
)
async def test_nothing_else_can_be_read(nobody: Person, path: str) -> None:
    answer = await nobody.http.get(f"/static/{path}?v=1")

    assert answer.status_code in (301, 308, 404)


@pytest.mark.parametrize(
    "path", ["dist//app.js", "%2e/dist/app.js", "dist/%2e%2e/dist/app.js", "dist/app.js/", "a" * 5000]
)
async def test_a_file_has_one_spelling(nobody: Person, path: str) -> None:
    answer = await nobody.http.get(f"/static/{path}")

    assert answer.status_code in (308, 404)


async def test_files_cannot_be_changed(nobody: Person) -> None:
    assert (await nobody.http.post("/static/dist/app.js")).status_code == 405


# Compressed variants, as the build of this checkout wrote them


@pytest.mark.parametrize("accepted", [BROTLI, GZIP])
async def test_scripts_and_styles_are_sent_compressed(production: Production, accepted: str) -> None:
    async with production.visitor() as visitor:
        for address in (await addresses(visitor))[1:]:
            plain, _ = await raw(visitor, address, "identity")
            answer, body = await raw(visitor, address, accepted)

            assert answer.headers["Content-Encoding"] == accepted
            assert answer.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
            assert answer.headers["Content-Type"] == plain.headers["Content-Type"]
            assert caching(answer.headers["Cache-Control"]) == FOR_EVER
            assert answer.headers["ETag"] != plain.headers["ETag"]
            assert int(answer.headers["Content-Length"]) == len(body)
            assert len(body) < 0.4 * int(plain.headers["Content-Length"])


async def test_head_has_the_headers_of_get(production: Production) -> None:
    async with production.visitor() as visitor:
        got, _ = await raw(visitor, "/static/dist/app.js", BROTLI)
        headed = await visitor.http.head("/static/dist/app.js", headers={"Accept-Encoding": BROTLI})

    names = ("Content-Encoding", "Content-Length", "Content-Type", "ETag", "Vary", "Cache-Control", "Accept-Ranges")
    assert [headed.headers[name] for name in names] == [got.headers[name] for name in names]
    assert headed.content == b""


async def test_parts_of_a_compressed_script_add_up(production: Production) -> None:
    async with production.visitor() as visitor:
        whole, body = await raw(visitor, "/static/dist/app.js", GZIP)
        first, start = await raw(visitor, "/static/dist/app.js", GZIP, Range="bytes=0-999")
        tag = first.headers["ETag"]
        last, rest = await raw(visitor, "/static/dist/app.js", GZIP, Range="bytes=1000-", **{"If-Range": tag})

    assert (first.status_code, last.status_code) == (206, 206)
    assert tag == whole.headers["ETag"]
    assert last.headers["Content-Range"] == f"bytes 1000-{len(body) - 1}/{len(body)}"
    assert start + rest == body
    assert gzip.decompress(body) == (ROOT / "static/dist/app.js").read_bytes()


async def test_lazy_scripts_and_fonts_are_named_by_their_content_and_kept_for_a_year(nobody: Person) -> None:
    found = [*(ROOT / "static/dist/chunks").glob("*.js"), *(ROOT / "static/dist/fonts").glob("*.woff2")]

    assert len(found) > 2
    for path in found:
        answer = await nobody.http.get(f"/{path.relative_to(ROOT).as_posix()}")
        assert caching(answer.headers["Cache-Control"]) == FOR_EVER


async def test_production_has_no_source_maps(production: Production) -> None:
    assert list((ROOT / "static/dist").rglob("*.map")) == [], "run `make` again after `npm run watch`"
    for script in (ROOT / "static/dist").rglob("*.js"):
        assert b"sourceMappingURL" not in script.read_bytes()
    async with production.visitor() as visitor:
        assert (await visitor.http.get("/static/dist/app.js.map")).status_code == 404


async def test_production_serves_the_files_of_pages_and_nothing_else(production: Production) -> None:
    found = sorted(path for path in (ROOT / "static").rglob("*") if path.is_file())
    names = [path.relative_to(ROOT / "static").as_posix() for path in found]
    shown = {name for name in names if re.fullmatch(r"(dist|images)/([\w/-]+\.)+(js|css|svg|woff2|png|ico)", name)}
    shown.add("dist/app.js.LEGAL.txt")  # the licenses of what the script contains, which it names
    assert {"dist/app.js", "dist/app.css", "images/favicon.svg"} <= shown
    assert {"dist/.built", "dist/compressed.json", "src/main.js", "src/chat/store.js", "dist/app.js.gz"} <= {
        *names
    } - shown

    async with production.visitor() as visitor:
        for name in names:
            answer = await visitor.http.get(f"/static/{name}")
            assert answer.status_code == (200 if name in shown else 404), name


@pytest.mark.parametrize(
    "name",
    ["dist/.built", "dist/compressed.json", "dist/metafile.json", "dist/app.js.part", ".env", ".git/config",
     "images/.DS_Store", "dist/.hidden/app.js", "dist/Compressed.JSON"],
)  # fmt: skip
@pytest.mark.parametrize("with_sources", [True, False])
async def test_files_that_no_page_uses_are_never_sent(built: Path, name: str, with_sources: bool) -> None:
    (built / name).parent.mkdir(parents=True, exist_ok=True)
    (built / name).write_bytes(CODE)

    assert (await Asker(built, with_sources=with_sources)(name))[0] == 404


@pytest.mark.parametrize("name", ["src/main.js", "SRC/main.js", "dist/app.js.map", "dist/app.js.MAP"])
async def test_sources_are_for_development(built: Path, name: str) -> None:
    (built / name).parent.mkdir(parents=True, exist_ok=True)
    (built / name).write_bytes(CODE)

    assert [(await Asker(built, with_sources=shown)(name))[0] for shown in (True, False)] == [200, 404]


@pytest.mark.parametrize("name", ["dist/app.js.br", "dist/app.js.gz", "dist/app.css.br"])
async def test_variants_have_no_address_of_their_own(nobody: Person, name: str) -> None:
    assert (ROOT / "static" / name).exists()
    assert (await nobody.http.get(f"/static/{name}")).status_code == 404


# A folder of its own


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder of static files after the build."""
    for folder in ("dist/chunks", "dist/fonts", "images"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dist/app.js").write_bytes(CODE)
    (tmp_path / "dist/app.css").write_bytes(b".a { color: red }\n" * 100)
    (tmp_path / "dist/chunks/late-ABCDEFGH.js").write_bytes(CODE)
    (tmp_path / "dist/fonts/font-ABCDEFGH.woff2").write_bytes(FONT)
    (tmp_path / "images/logo.svg").write_bytes(b"<svg>" + b"<path/>" * 200 + b"</svg>")
    (tmp_path / "images/dot.svg").write_bytes(b"<svg></svg>")
    return compressed(tmp_path)


def compressed(folder: Path) -> Path:
    subprocess.run(["node", str(ROOT / "bin/finish-static.mjs"), str(folder)], check=True)
    return folder


class Asker:
    """Asks for files of a folder, as a browser does."""

    def __init__(self, folder: Path, *, with_sources: bool = False) -> None:
        self._files = StaticFiles(folder, with_sources=with_sources)
        self._app = Quart(__name__)

    async def __call__(self, name: str, accepted: str = "br, gzip", **headers: str) -> tuple[int, str, bytes]:
        """Status, content coding and body."""
        async with self.response(name, accepted, **headers) as response:
            return response.status_code, response.content_encoding or PLAIN, await response.get_data(as_text=False)

    @asynccontextmanager
    async def response(self, name: str, accepted: str = "br, gzip", **headers: str) -> Any:
        sent = {"Accept-Encoding": accepted, **{key.replace("_", "-"): value for key, value in headers.items()}}
        async with self._app.test_request_context("/", headers=sent):
            try:
                yield await self._files.respond(name)
            except HTTPException as error:
                yield Response("", error.code)

    def version(self, name: str) -> str:
        return self._files.version(name)


@pytest.fixture
def ask(built: Path) -> Asker:
    return Asker(built)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", BROTLI),
        ("gzip, deflate", GZIP),
        ("GZIP", GZIP),
        ("", PLAIN),
        ("deflate, zstd", PLAIN),
        ("*", BROTLI),
        ("*;q=0.1, gzip;q=0.5", GZIP),
        ("br;q=0, *", GZIP),
        ("br;q=0, gzip;q=0, *", PLAIN),
        ("br;q=0.2, gzip;q=0.8", GZIP),
        ("br;q=0.2, gzip;q=0.2", BROTLI),
        ("gzip;q=0.5, identity", PLAIN),
        ("gzip;q=0.5, identity;q=0.4", GZIP),
        ("gzip, identity;q=0", GZIP),
        ("br;q=0.001, *;q=0", BROTLI),
        ("br;q=0", PLAIN),
        ("br;q=0.000, gzip;q=0.0", PLAIN),
        ("br;q=high, gzip;q=-1", PLAIN),
        (",;,=;q", PLAIN),
        ("br" * 4000, PLAIN),
    ],
)
async def test_the_best_coding_that_the_client_accepts_is_sent(ask: Asker, accepted: str, coding: str) -> None:
    status, sent, _ = await ask("dist/app.js", accepted)

    assert (status, sent) == (200, coding)


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "deflate, identity;q=0", "br;q=0, gzip;q=0, *;q=0"])
async def test_a_client_that_refuses_everything_gets_a_406(ask: Asker, accepted: str) -> None:
    assert (await ask("dist/app.js", accepted))[0] == 406


async def test_all_texts_have_variants_but_small_ones_and_fonts(ask: Asker) -> None:
    names = ["dist/app.js", "dist/app.css", "dist/chunks/late-ABCDEFGH.js", "images/logo.svg"]
    assert [(await ask(name))[1] for name in names] == [BROTLI] * 4
    for name in ("images/dot.svg", "dist/fonts/font-ABCDEFGH.woff2"):
        assert [(await ask(name))[1], (await ask(name, "gzip"))[1]] == [PLAIN, PLAIN]


async def test_each_coding_has_its_own_etag_and_is_revalidated_by_it(ask: Asker) -> None:
    tags = []
    for accepted in ("br", "gzip", "identity"):
        async with ask.response("dist/app.js", accepted) as response:
            tags.append(response.headers["ETag"])
        async with ask.response("dist/app.js", accepted, If_None_Match=tags[-1]) as response:
            assert response.status_code == 304
            assert response.headers["ETag"] == tags[-1]
            assert response.headers["Vary"] == "Accept-Encoding"
            assert await response.get_data(as_text=False) == b""
    assert len(set(tags)) == 3
    assert (await ask("dist/app.js", "gzip", If_None_Match=tags[0]))[:2] == (200, GZIP)
    assert (await ask("dist/app.js", "gzip", If_None_Match=f'"old", {tags[1]}'))[0] == 304


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-0", CODE[:1]),
        ("bytes=10-19", CODE[10:20]),
        ("bytes=5000-", CODE[5000:]),
        ("bytes=-7", CODE[-7:]),
        ("bytes=0-999999", CODE),
    ],
)
async def test_a_part_is_sent(ask: Asker, wanted: str, part: bytes) -> None:
    async with ask.response("dist/app.js", "identity", Range=wanted) as response:
        assert response.status_code == 206
        assert await response.get_data(as_text=False) == part
        assert response.content_length == len(part)
        assert response.headers["Content-Range"].endswith(f"/{len(CODE)}")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=a-b", "bytes=9-1", "0-5"])
async def test_what_is_no_single_part_gets_the_whole(ask: Asker, wanted: str) -> None:
    assert await ask("dist/app.js", "identity", Range=wanted) == (200, PLAIN, CODE)


@pytest.mark.parametrize("wanted", ["bytes=5700-", "bytes=99999-100000"])
async def test_a_part_beyond_the_end_is_refused(ask: Asker, wanted: str) -> None:
    async with ask.response("dist/app.js", "identity", Range=wanted) as response:
        assert (response.status_code, response.headers["Content-Range"]) == (416, f"bytes */{len(CODE)}")


async def test_a_part_of_another_version_or_coding_is_not_sent(ask: Asker) -> None:
    async with ask.response("dist/app.js", "br") as response:
        tag = response.headers["ETag"]
    for if_range in (tag, '"other"', "Sun, 29 Nov 2026 12:00:00 GMT"):
        assert (await ask("dist/app.js", "identity", Range="bytes=0-9", If_Range=if_range))[0] == 200


async def test_a_changed_file_is_sent_as_it_is(built: Path, ask: Asker) -> None:
    """As in development, while a watcher builds; or in a deploy, between two steps of the build."""
    before = ask.version("dist/app.js")
    assert (await ask("dist/app.js"))[1] == BROTLI
    (built / "dist/app.js").write_bytes(CODE + b"// changed")

    assert await ask("dist/app.js") == (200, PLAIN, CODE + b"// changed")
    assert ask.version("dist/app.js") != before
    compressed(built)
    assert (await ask("dist/app.js"))[1] == BROTLI


def broken(built: Path) -> Iterator[str]:
    """Ways in which a build or a copy can be incomplete; the files stay broken."""
    (built / "dist/app.js.br").write_bytes((built / "dist/app.js.br").read_bytes()[:-1])
    yield "a variant that was cut off, newer than its file"
    (built / "dist/app.js.br").write_bytes(b"")
    yield "an empty variant"
    (built / "dist/app.js.br").unlink()
    yield "no variant"
    (built / "dist/app.js.br").mkdir()
    yield "a folder in its place"
    (built / "dist/app.js.br").rmdir()
    shutil.copy(built / "dist/app.css.br", built / "dist/app.js.br")
    yield "that of another file"


async def test_a_variant_that_is_not_as_it_was_built_is_never_sent(built: Path, ask: Asker) -> None:
    for how in broken(built):
        assert (await ask("dist/app.js", "br, gzip"))[1] == GZIP, how
        assert await ask("dist/app.js", "br") == (200, PLAIN, CODE), how


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"dist/app.js": 1}', b'{"dist/app.js": {}}', b"\xff\x00"])
async def test_without_its_list_no_variant_is_sent(built: Path, ask: Asker, content: bytes) -> None:
    (built / "dist/compressed.json").write_bytes(content)

    assert await ask("dist/app.js") == (200, PLAIN, CODE)
    (built / "dist/compressed.json").unlink()
    assert await ask("dist/app.js") == (200, PLAIN, CODE)


async def test_an_archive_that_is_no_variant_can_be_downloaded(built: Path, ask: Asker) -> None:
    (built / "images/all.tar.gz").write_bytes(gzip.compress(b"archive"))

    status, coding, _ = await ask("images/all.tar.gz")
    assert (status, coding) == (200, PLAIN)
    assert (await ask("dist/app.js.gz"))[0] == 404


async def test_source_maps_are_for_development(built: Path, ask: Asker) -> None:
    (built / "dist/app.js.map").write_bytes(b"{}")

    assert (await ask("dist/app.js.map"))[0] == 404
    assert (await Asker(built, with_sources=True)("dist/app.js.map"))[0] == 200


async def test_a_large_file_is_sent_from_disk(built: Path, ask: Asker) -> None:
    film = bytes(KEPT_BYTES) + b"The end"
    (built / "images/film.mp4").write_bytes(film)

    assert await ask("images/film.mp4") == (200, PLAIN, film)
    assert await ask("images/film.mp4", Range="bytes=-7") == (206, PLAIN, b"The end")


def test_a_build_writes_the_same_each_time_and_removes_what_is_left_over(built: Path) -> None:
    before = {path: path.read_bytes() for path in built.rglob("*") if path.is_file()}
    for name in ("dist/gone.js.br", "dist/chunks/late-ABCDEFGH.js.map"):
        (built / name).write_bytes(b"left over")

    compressed(built)

    assert {path: path.read_bytes() for path in built.rglob("*") if path.is_file()} == before


def test_every_build_compresses() -> None:
    """Hosts run `npm run build`, and so does `make`."""
    scripts = json.loads((ROOT / "package.json").read_text())["scripts"]

    assert scripts["build"].endswith("&& npm run build:finish")
    assert "sourcemap" not in scripts["build:js"]
