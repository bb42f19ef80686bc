"""Text that is safe to store, to count in browsers, to open in spreadsheets and to put beside other text."""

import re
import unicodedata
from hashlib import sha256
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Characters that are invisible by themselves: Unicode's Default_Ignorable_Code_Point, and the annotation marks.
IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Characters that start a formula, and look-alikes that a program could take for them.
SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "⁺", "₌", "₊", "⩵", "⩶", "﬩")  # noqa: RUF001
FORMULAS = (*SIGNS, "\t", "\r", "\n")
_SIGN = f"[{re.escape(''.join(SIGNS))}]"
# What a program may skip before a formula: spaces (Zs), format (Cf) and control characters (Cc) that end no cell, and
# what looks blank.
_BLANK = (
    f"[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000\x7f-\x84\x86-\x9f{IGNORABLE}"
    "\u2800\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f\U00016fe4\U0001d159]"
)
# Signs after anything that a program may take for the end of a cell, including blanks if something follows the sign.
LATER_FORMULA = re.compile(
    f"((?:[\x00-\x1f\x85\u2028\u2029,;|:'\"`]|^(?={_BLANK})){_BLANK}*+)({_SIGN})|(?<={_BLANK})({_SIGN})(?=[^ ]| *$)"
)
FIRST_STRONG, CLOSE_ISOLATE = "\u2068", "\u2069"
OPEN_ISOLATE = "\u2066\u2067" + FIRST_STRONG
# Right-to-left characters, and those that change a text's direction.
DIRECTED = re.compile(
    "[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Text has no use for these: tags spell hidden words, the others are deprecated or unassigned.
NEVER = re.compile("[\u206a-\u206f\ufff0-\ufffb\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]")
VARIANTS, HAN_VARIANTS = ("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef")
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# The flags of England, Scotland and Wales are the only emoji spelled with tags.
_CODES = "|".join("".join(chr(0xE0000 + ord(one)) for one in f"{code}\x7f") for code in ("gbeng", "gbsct", "gbwls"))
FLAG = f"\U0001f3f4(?:{_CODES})"
HIDDEN = re.compile(f"{FLAG}|([{HAN}]?)([{IGNORABLE}]+)")
LONGEST_HIDDEN = 8  # joiners, direction marks and selectors in a row; more of them is a message of its own
BLANK = re.compile(f"[\u2800{IGNORABLE}]")
UNSEEN = ("Cc", "Cf", "Cs")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with surrogate pairs joined, and U+FFFD in place of lone halves and of NUL, which PostgreSQL refuses."""
    if text.isascii():
        return text.replace("\x00", REPLACEMENT)
    if not UNSTORABLE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", REPLACEMENT)


def without_hidden(text: str) -> str:
    """The text without hidden characters that a model would read: tags, stray variation selectors, long runs.

    What scripts and emoji need stays: joiners, direction marks, soft hyphens, one selector behind a character.
    """
    return text if text.isascii() else HIDDEN.sub(_needed, text)


def _needed(found: re.Match[str]) -> str:
    if not found[2]:
        return found[0]
    run = NEVER.sub("", found[2])
    kept = "".join(one for index, one in enumerate(run) if not _is_stray(one, index, found[1]))
    return found[1] + (kept if len(kept) <= LONGEST_HIDDEN else "")


def _is_stray(character: str, index: int, before: str) -> bool:
    if HAN_VARIANTS[0] <= character <= HAN_VARIANTS[1]:
        return bool(index) or not before
    return bool(index) and VARIANTS[0] <= character <= VARIANTS[1]


def is_visible(text: str) -> bool:
    """Whether the text has a character that can be seen."""
    return any(not one.isspace() and unicodedata.category(one) not in UNSEEN for one in BLANK.sub("", text))


def printable(text: str) -> str:
    """The text on one line, for logs and terminals; control and invisible characters as escapes like `\\n`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\t" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def typed_lines(text: str) -> str:
    """The text of a form's field with the line ends that were typed: browsers submit each as CR LF."""
    return text.replace("\r\n", "\n")


def storable_json(value: Any) -> Any:
    """A JSON value in which every text is storable."""
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable_json(key): storable_json(part) for key, part in value.items()}
        case list() | tuple():
            return [storable_json(part) for part in value]
        case _:
            return value


def depth(value: Any, most: int) -> int:
    """How many lists and dicts of a JSON value are in each other, or `most` + 1 if they are more."""
    levels, level = 0, [value]
    while levels <= most and (level := [part for part in level if isinstance(part, dict | list)]):
        level = [inner for part in level for inner in (part.values() if isinstance(part, dict) else part)]
        levels += 1
    return levels


def cell(text: str) -> str:
    """Text for a spreadsheet cell, with an apostrophe before whatever could be a formula: users choose their own names.

    Inside the text too: a program that expects another separator, or no quotation marks, splits it there.
    """
    escaped = LATER_FORMULA.sub(r"\1'\2\3", text)
    return f"'{escaped}" if text.startswith(FORMULAS) else escaped


def contained(text: str) -> str:
    """The text with its direction marks in pairs: a single one would reorder what stands beside the text."""
    depth, kept = 0, []
    for character in text:
        if character in OPEN_ISOLATE:
            depth += 1
        elif character == CLOSE_ISOLATE:
            if not depth:
                continue
            depth -= 1
        kept.append(character)
    return "".join(kept) + CLOSE_ISOLATE * depth


def isolated(text: str) -> str:
    """The text for the middle of a plain line, such as a tab's title; text and line each keep their own direction."""
    return f"{FIRST_STRONG}{contained(text)}{CLOSE_ISOLATE}" if DIRECTED.search(text) else text


def fitting(identifier: str, most: int) -> str:
    """The identifier, or its start and its digest if it is longer than `most` characters."""
    if len(identifier) <= most:
        return identifier
    digest = sha256(identifier.encode()).hexdigest()
    return identifier[: most - len(digest)] + digest


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units: what JavaScript's `length` says, and what positions in the protocol count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def from_utf16(text: str, start: int) -> str:
    """The part of the text from a UTF-16 position on."""
    return text[start:] if text.isascii() else text.encode("utf-16-le")[start * 2 :].decode("utf-16-le", "replace")


def up_to_utf16(text: str, end: int) -> str:
    """The part of the text before a UTF-16 position."""
    return text[:end] if text.isascii() else text.encode("utf-16-le")[: end * 2].decode("utf-16-le", "replace")


def sha8(text: str) -> str:
    """The first 8 hex digits of SHA-256: tabs compare it to check that they show the stored text."""
    return sha256(text.encode()).hexdigest()[:8]
