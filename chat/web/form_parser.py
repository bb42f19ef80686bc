"""Bounds on forms and query strings, checked before anything is parsed."""

from __future__ import annotations

import re
from typing import Any

from quart import Quart, abort, request
from quart.formparser import FormDataParser
from quart.wrappers import Request
from quart.wrappers.request import Body
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

MAX_FIELDS = 1000
MULTIPART = "multipart/form-data"
# Of one part of a multipart form; a browser sends three lines.
MAX_PART_HEAD_BYTES = 2048
MAX_PART_LINE_BREAKS = 32
BLANK_LINE = re.compile(b"\r\n\r\n|\r\r|\n\n")  # as werkzeug reads it
Parsed = tuple[MultiDict[str, Any], MultiDict[str, Any]]


class BoundedFormParser(FormDataParser):
    """Quart's parser: 500 KB of empty fields, or of parts' headers, would keep it busy for a second."""

    async def parse(
        self, body: Body, mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Parsed:
        """The fields and files. Raises RequestEntityTooLarge."""
        if self.get_parse_func(mimetype, options or {}) is None:
            return self._nothing()
        content = await body  # in full, so that MAX_CONTENT_LENGTH bounds it even without a Content-Length
        if mimetype == MULTIPART:
            boundary = (options or {}).get("boundary", "").encode("latin-1", "replace")
            if not boundary:
                return self._nothing()
            _check_parts(content, b"--" + boundary)
        elif content.count(b"&") >= MAX_FIELDS:
            raise RequestEntityTooLarge
        read = Body(None, None)
        read.set_result(content)
        fields, files = await super().parse(read, mimetype, content_length, options)
        return _named(fields), _named(files)

    def _nothing(self) -> Parsed:
        return MultiDict(), MultiDict()


class BoundedRequest(Request):
    """Quart's request, with our bounds on forms."""

    form_data_parser_class = BoundedFormParser


def install(app: Quart) -> None:
    """Use the bounded parser, and refuse query strings with too many fields."""
    app.request_class = BoundedRequest

    @app.before_request
    async def check_query() -> None:
        if request.query_string.count(b"&") >= MAX_FIELDS:
            abort(400, f"A URL can have at most {MAX_FIELDS:,} fields.")


def _check_parts(content: bytes, delimiter: bytes) -> None:
    if content.count(delimiter) > MAX_FIELDS + 1:
        raise RequestEntityTooLarge
    for part in content.split(delimiter):
        head = BLANK_LINE.split(part, 1)[0]
        breaks = head.count(b"\n") + head.count(b"\r")
        if len(head) > MAX_PART_HEAD_BYTES or breaks > MAX_PART_LINE_BREAKS:
            raise RequestEntityTooLarge


def _named(values: MultiDict[str, Any]) -> MultiDict[str, Any]:
    """The values without the unnamed parts of a multipart form: their key is None."""
    return MultiDict([(name, value) for name, value in values.items(multi=True) if isinstance(name, str)])
