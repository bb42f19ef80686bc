"""Makes Markdown of models and users safe to open in any program: nothing in it loads or runs.

Programs read Markdown in different ways. So text outside code blocks contains neither images nor HTML for any of them,
nor links to anything but the web and mailboxes, and code blocks, which are unchanged, get fences that all recognize.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat.text import without_hidden

# A fence, also directly after the marker of a quote or list item.
OPENING = re.compile(
    r"(?P<before>[ \t>]*(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)*)(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)"
)
CLOSING = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t]*")
LANGUAGE = re.compile(r"^\s*([\w+#.-]{1,30})")
TICKS = re.compile("`+")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
AUTOLINK = re.compile(r"<(https?://[^\s<>]+)>")
# What follows is compared as it is written: programs disagree about what they decode or skip in an address.
_LEADS_OUT = r"\s*<?(?:https?://|mailto:|#)"
LINK = re.compile(rf"\]\((?!{_LEADS_OUT})", re.IGNORECASE)
# With another word behind it, an address defines nothing: the line is a footnote or prose. A title begins with a sign.
DEFINITION = re.compile(rf"\]:(?!{_LEADS_OUT}|[ \t]*[^\s<]{{1,100}}[ \t]+[^\s\"'(])", re.IGNORECASE)
# Characters by which some programs see a formula, a comment or a cell where others see text or code.
AMBIGUOUS = re.compile(r"[|$\\%{}]")
BRACKETS = re.compile(r"[\[\]<&^=]")
# Math delimiters, which can span lines and, in some programs, code blocks.
SPANNING = {"\\[": "\\]", "\\(": "\\)", "\\begin{": "\\end{"}
CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (9, 10)}


def inert(text: str) -> str:
    """The Markdown with images, HTML, and links to anything but the web and mailboxes as text.

    Its last code block is closed.
    """
    lines = without_hidden(text).replace("\r\n", "\n").replace("\r", "\n").translate(CONTROLS).split("\n")
    return "\n".join(_parts(lines))


def block(code: str, language: str = "") -> str:
    """The code in a fence that is longer than any fence in the code."""
    fence = "`" * max(3, 1 + max(map(len, TICKS.findall(code)), default=0))
    return f"{fence}{language}\n{without_hidden(code).translate(CONTROLS)}\n{fence}"


def _parts(lines: list[str]) -> Iterator[str]:
    at = begin = 0
    while at < len(lines):
        opening = OPENING.fullmatch(lines[at])
        if not opening:
            at += 1
            continue
        yield from _prose(lines[begin:at])
        if mark := opening["before"].strip(" \t>"):
            yield mark
        end = _end(lines, at, opening)
        code = [_without(opening["before"], line) for line in lines[at + 1 : end]]
        yield block("\n".join(code), *LANGUAGE.findall(opening["info"])[:1])
        at = begin = end + 1
    yield from _prose(lines[begin:])


def _end(lines: list[str], at: int, opening: re.Match[str]) -> int:
    """The line that closes the fence, or that would come next."""
    fence = opening["fence"]
    for end in range(at + 1, len(lines)):
        closing = CLOSING.fullmatch(lines[end])
        if closing and closing[1][0] == fence[0] and len(closing[1]) >= len(fence):
            return end
    return len(lines)


def _without(before: str, line: str) -> str:
    """A line of code without the indentation and the marks of its quote."""
    length = len(before)
    start = line[:length]
    return start.lstrip(" \t>" if ">" in before else " \t") + line[length:]


def _prose(lines: list[str]) -> Iterator[str]:
    text = "\n".join(lines)
    entities = {"%%": "&#37;&#37;", "~~~": "&#126;&#126;&#126;"}
    if text.count("$$") % 2:
        entities["$$"] = "&#36;&#36;"
    for opening, closing in SPANNING.items():
        if text.rfind(opening) > text.rfind(closing):
            entities[opening] = "&#92;" + opening[1:]
    for line in map(_line, lines):
        shown = line
        for sign, entity in entities.items():
            shown = shown.replace(sign, entity)
        yield shown


def _line(line: str) -> str:
    """The line with nothing active outside code. A code span stays as it is if every program sees one there."""
    parts, spans = _split(line)
    is_clear = not AMBIGUOUS.search(line) and not any(map(BRACKETS.search, parts))
    shown = [_passive(parts[0])]
    for span, part in zip(spans, parts[1:], strict=True):
        shown += [span if is_clear else _passive(span), _passive(part)]
    return "".join(shown)


def _split(line: str) -> tuple[list[str], list[str]]:
    """The parts of a line outside code spans, and the spans between them. Unpaired backticks become entities."""
    runs = [(match.start(), match.end()) for match in TICKS.finditer(line)]
    following: dict[int, list[int]] = {}
    for index in reversed(range(len(runs))):
        following.setdefault(runs[index][1] - runs[index][0], []).append(index)
    parts, spans, at, index = [""], [], 0, 0
    while index < len(runs):
        begin, end = runs[index]
        same = following[end - begin]
        while same and same[-1] <= index:
            same.pop()
        parts[-1] += line[at:begin]
        if same and not parts[-1].endswith("\\"):
            at, index = runs[same[-1]][1], same[-1] + 1
            spans.append(line[begin:at])
            parts.append("")
        else:
            parts[-1] += "&#96;" * (end - begin)
            at, index = end, index + 1
    parts[-1] += line[at:]
    return parts, spans


def _passive(text: str) -> str:
    # Entities, not backslashes: in the text of a link, marked removes the one before a bracket and looks for images
    # again, and `\[` begins a formula.
    plain = TAG.sub("&lt;", AUTOLINK.sub(r"\1", text)).replace("![", "!&#91;")
    return DEFINITION.sub("]&#58;", LINK.sub("]&#40;", plain))
