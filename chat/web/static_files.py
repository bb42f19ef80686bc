"""Static files: read once per change, cached by their content, and sent as the build has compressed them."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from hashlib import file_digest, sha256
from http import HTTPStatus
from pathlib import Path
from posixpath import normpath, splitext
from stat import S_ISREG
from typing import cast

import msgspec
from quart import abort, request
from quart.wrappers import Response
from quart.wrappers.response import DataBody, FileBody, ResponseBody
from werkzeug.datastructures import ContentRange
from werkzeug.security import safe_join

from chat.web.compression import preferred
from chat.web.security_headers import ONE_YEAR_SECONDS

SUFFIXES = {"br": ".br", "gzip": ".gz"}  # by content coding, the better one first
MANIFEST = "dist/compressed.json"
BUILD_ENDINGS = (".json", ".part")  # in dist/: what the build writes for itself and for the server
SOURCES = "src/"
NAMED_BY_CONTENT = ("dist/chunks/", "dist/fonts/")
KEPT_BYTES = 4 * 1024 * 1024  # a larger file is read from disk each time
# Python asks the system for these, and on some systems scripts are text/plain, which no browser runs.
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
FileBody.buffer_size = 1024 * 1024  # the default of 8 KiB makes a thread hop for each: ten times slower

# For each file, the SHA-256 of it ("identity") and of its variants when they were built.
Manifest = dict[str, dict[str, str]]


@dataclass(frozen=True)
class File:
    """A file as it was read; `stamp` tells whether it has changed since."""

    path: Path
    stamp: tuple[int, ...]
    size: int
    digest: str
    content: bytes | None

    @property
    def version(self) -> str:
        return self.digest[:12]

    @property
    def body(self) -> ResponseBody:
        return FileBody(self.path) if self.content is None else DataBody(self.content)


class StaticFiles:
    """The files of a folder. Compressed variants are sent only if the build made them from exactly this content."""

    def __init__(self, folder: Path, *, with_sources: bool) -> None:
        self._folder = folder
        self._with_sources = with_sources
        self._files: dict[str, File] = {}

    def version(self, name: str) -> str:
        """A hash of the content. Raises FileNotFoundError."""
        if file := self._read(name):
            return file.version
        raise FileNotFoundError(name)

    async def respond(self, name: str) -> Response:
        """The response to this request: in the best coding that the client accepts; or a part of it, or 304."""
        file = self._find(name) or abort(404)
        offered = {**self._variants(name, file), "identity": file}
        coding = preferred(request.accept_encodings, offered) or abort(406)
        response = Response(offered[coding].body, mimetype=_type_of(name))
        response.content_length = offered[coding].size
        response.vary.add("Accept-Encoding")
        response.set_etag(file.version if coding == "identity" else f"{file.version}-{coding}")
        if coding != "identity":
            response.content_encoding = coding
        _let_cache(response, is_lasting=name.startswith(NAMED_BY_CONTENT) or request.args.get("v") == file.version)
        request.headers.pop("If-Modified-Since", None)  # no file has a date, and werkzeug fails on one after year 2**31
        await response.make_conditional(request)
        return _cut(response, offered[coding].size) if response.status_code == HTTPStatus.OK else response

    def _find(self, name: str) -> File | None:
        """None for other spellings of a name, which would be cached as other versions, and for variants of a file."""
        base, suffix = splitext(name)
        if normpath(name) != name or _is_of_the_build(name.lower()):
            return None
        if not self._with_sources and (suffix.lower() == ".map" or name.lower().startswith(SOURCES)):
            return None
        if suffix in SUFFIXES.values() and self._read(base):
            return None
        return self._read(name)

    def _variants(self, name: str, file: File) -> dict[str, File]:
        """The variants of this content; an unfinished build leaves older ones."""
        built = self._built().get(name, {})
        if built.get("identity") != file.digest:
            return {}
        found = {coding: self._read(name + suffix) for coding, suffix in SUFFIXES.items()}
        return {coding: each for coding, each in found.items() if each and each.digest == built.get(coding)}

    def _built(self) -> Manifest:
        file = self._read(MANIFEST)
        try:
            return msgspec.json.decode(file.content or b"", type=Manifest) if file else {}
        except ValueError:  # it is being written
            return {}

    def _read(self, name: str) -> File | None:
        kept = self._files.get(name)
        path = kept.path if kept else safe_join(str(self._folder), name)
        try:
            return self._current(name, Path(path)) if path else None
        except (OSError, ValueError):  # it is missing, or no file can have this name
            return None

    def _current(self, name: str, path: Path) -> File | None:
        found = path.stat()
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if not S_ISREG(found.st_mode):
            return None
        if name not in self._files or self._files[name].stamp != stamp:
            self._files[name] = _file(path, stamp, found.st_size)
        return self._files[name]


def _is_of_the_build(name: str) -> bool:
    """Hidden files, manifests and build markers: they reveal details of the checkout and belong to no page."""
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    return is_hidden or (name.startswith("dist/") and name.endswith(BUILD_ENDINGS))


def _file(path: Path, stamp: tuple[int, ...], size: int) -> File:
    if size > KEPT_BYTES:
        with path.open("rb") as opened:
            return File(path, stamp, size, file_digest(opened, "sha256").hexdigest(), None)
    content = path.read_bytes()
    return File(path, stamp, len(content), sha256(content).hexdigest(), content)


def _type_of(name: str) -> str:
    return TYPES.get(splitext(name)[1]) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _let_cache(response: Response, *, is_lasting: bool) -> None:
    """During a deploy a new page can reach an old server, whose file must not be cached as the new version."""
    response.cache_control.public = True
    if is_lasting:
        response.cache_control.max_age = ONE_YEAR_SECONDS
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True


def _cut(response: Response, size: int) -> Response:
    """The part that a GET asks for. Quart's own counts parts from the end of a file wrongly."""
    response.headers["Accept-Ranges"] = "bytes"
    wanted, condition = request.range, request.headers.get("If-Range")
    if request.method != "GET" or wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return response
    if condition and condition != response.headers["ETag"]:
        return response
    if not (span := wanted.range_for_length(size)):
        return Response("", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
    body = cast(DataBody | FileBody, response.response)
    body.begin, body.end = span
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    response.content_length = span[1] - span[0]
    response.content_range = ContentRange("bytes", *span, size)
    return response
