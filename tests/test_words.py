"""The texts of the site, its documents and its code use an engineer's English: no word of the dialect is back."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

WORDS = re.compile(
    r"""
    (?<!right\ )(?<!throw\ )\baway\b              # unavailable, can't be reached; or leave it out
    | \b(?:nobody|whoever|everybody|somebody|anybody)\b   # no one, the caller, everyone
    | \be-mails?\b                                  # email
    | \bdearest\b                                  # highest cost
    | \b(?:keep|keeps|kept|keeping)\ back\b        # reserve, reserved
    | \bletters?\b(?!-)                            # email; in a browser: pending message
    | \b(?:look|looks|looked|looking)\ at\b        # view, read, check
    | \b(?:go|goes|went|gone|going)\ on\b(?!\ call)  # continue, keep running
    | \b(?:take|takes|took|taken|taking)\ back\b   # revoke, undo
    | \b(?:gives?|gave|given|giving)\ back\b       # return, release
    | \b(?:forgive|forgives|forgave|forgiven)\b    # reset, refund
    | \banew\b                                     # again
    | \bin\ vain\b                                 # without success
    | \bso\ many\b                                 # N
    | \bof\ all\b(?=\s*(?:[.,;:)"']|$))            # total
    | \b(?:,|are|costs?|tokens)\ in\ all\b         # total
    | \bone's\ own\b                               # your own, the user's own
    | \bfor\ good\b                                # permanently
    | \bonce\ more\b                               # again
    | \b(?:stand|stands|stood)\ still\b            # pause, hang
    | \bworth\ nothing\b                         # is invalid, is ignored
    | \b(?:that|what)\ there\ (?:is|are|was|were)\b  # drop it, or name the thing
    | \bover\ there\b                             # at the provider
    | \bfor\ ever\b                               # forever, indefinitely
    | \bbesides\b(?=[.,:;])                                 # also, in addition
    | \bthat\ you\ looked\b
    | \bsecond\ factors?\b                         # two-factor authentication
    | \bthe\ books\b                               # the usage ledger
    | \b(?:licence|behaviour|colour)s?\b           # American spelling
    | \b(?:normal|recogn|author|organ|minim|optim|summar|initial)is(?:e|es|ed|ing)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)

FIELDS = re.compile(r"\{[^{}]*\}")  # of an f-string

# What is said on purpose: (file, the words around it).
ALLOWED: frozenset[tuple[str, str]] = frozenset(
    {
        ("CONTRIBUTING.md", "and nobody (is logged out)"),  # a person of the tests' cast, here and in the next two
        ("docs/extending.md", "nobody: Person"),
        ("docs/extending.md", "(alice, nobody)"),
        ("docs/extending.md", "nobody@example.com"),
        ("chat/devservices/postgres_programs.py", "the account `nobody`"),  # an account of Unix, here and below
        ("chat/devservices/servers.py", "as `nobody`, because"),
        ("chat/devservices/servers.py", '"nobody"'),
        ("chat/devservices/servers.py", "no account `nobody`"),
        ("chat/security/one_time_codes.py", 'f"second factor:'),  # what secrets are derived from, in every row
        ("static/src/chat/sanitizer.js", "look-alike letters"),  # of the alphabet, here and below
        ("chat/services/admin/worker_stats.py", '"letters"'),  # the name that older releases write to Redis
        ("chat/llm/tools/schema.py", "1 to 64 letters"),
        ("chat/services/accounts/export.py", "Only letters, digits"),
    }
)


class Hit(NamedTuple):
    path: str
    line: int
    words: str
    text: str


def documents(root: Path) -> list[Path]:
    """Whole files that people read: documents, templates, scripts and styles."""
    named = [root / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    faults = root / "tests" / "faults" / "README.md"
    walked = [path for folder in ("templates", "static/src") for path in (root / folder).rglob("*")]
    texts = [path for path in walked if path.suffix in {".html", ".txt", ".js", ".css"}]
    return sorted([*named, faults, *(root / "docs").glob("*.md"), *texts])


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """The comments, strings and docstrings of a module, line by line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
            text = FIELDS.sub("", token.string) if token.string[:2].lower() in {'f"', "f'"} else token.string
            yield from enumerate(text.splitlines(), token.start[0])


def lines(root: Path) -> Iterator[tuple[Path, int, str]]:
    for path in documents(root):
        for number, text in enumerate(path.read_text().splitlines(), 1):
            yield path, number, text
    for path in sorted((root / "chat").rglob("*.py")):
        for number, text in python_texts(path.read_text()):
            yield path, number, text


def hits(root: Path = ROOT) -> list[Hit]:
    return [
        Hit(str(path.relative_to(root)), number, match[0], text.strip())
        for path, number, text in lines(root)
        for match in WORDS.finditer(text)
        if not any(str(path.relative_to(root)) == file and phrase in text for file, phrase in ALLOWED)
    ]


def test_no_word_of_the_dialect_is_back() -> None:
    assert [f"{hit.path}:{hit.line}: {hit.words}" for hit in hits()] == []


def test_every_exception_is_still_needed() -> None:
    said = {(str(path.relative_to(ROOT)), text) for path, _, text in lines(ROOT)}
    assert [
        (file, phrase) for file, phrase in ALLOWED if not any(file == at and phrase in text for at, text in said)
    ] == []
