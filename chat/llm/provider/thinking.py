"""Separates a model's reasoning from its answer, if the server leaves the tags of its template in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Templates of DeepSeek, Qwen and others; Seed; Mistral; Kimi; Cohere. In lower case.
TAGS = {f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "reasoning", "seed:think")} | {
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|start_thinking|>": "<|end_thinking|>",
}
LONGEST = max(map(len, TAGS))
FIRST_CHARACTERS = tuple({tag[0] for tag in TAGS})
MAX_HELD = 1000  # characters of white space that wait for what follows them


class Splitter:
    """Reads the text of one message, in pieces split anywhere, and says which of it is reasoning.

    Only tags at the start count, because an answer may write about tags.
    """

    def __init__(self) -> None:
        self.plain = False  # all that follows is text
        self._held = ""  # what may be the start of a tag, and white space before one
        self._closing = ""  # the tag that closes the open block
        self._blocks = 0
        self._fresh = True  # nothing of the open block has arrived

    def feed(self, piece: str) -> Iterator[tuple[int, str]]:
        """The pieces that are known by now, each with the number of its block of thoughts; 0 is text."""
        left, self._held = self._held + piece, ""
        while left:
            if self.plain:
                yield 0, left
                return
            if not self._closing:
                left = self._open(left)
                continue
            thought, left = self._read_block(left)
            if thought:
                self._fresh = False
                yield self._blocks, thought

    def end(self) -> Iterator[tuple[int, str]]:
        """What was held, once the message is over."""
        left, self._held = self._held, ""
        if self._closing and left.strip():
            yield self._blocks, left.rstrip()
        elif left and not self._closing and not self._blocks:
            yield 0, left

    def _open(self, left: str) -> str:
        """What is left after an opening tag, or from the first text on; empty while that is not known."""
        start = left.lstrip()
        word = start[:LONGEST].lower()
        too_far = len(left) - len(start) > MAX_HELD
        tag = next((tag for tag in TAGS if word.startswith(tag)), "")
        if tag and not too_far:
            self._closing, self._fresh = TAGS[tag], True
            self._blocks += 1
            return start[len(tag) :]
        if not too_far and any(tag.startswith(word) for tag in TAGS):
            self._held = left
            return ""
        self.plain = True
        return start if self._blocks else left

    def _read_block(self, left: str) -> tuple[str, str]:
        """The next piece of the block, and what is left after its closing tag."""
        if self._fresh:
            left = left.lstrip()
        if closed := re.search(re.escape(self._closing), left, re.IGNORECASE):
            self._closing = ""
            return left[: closed.start()].rstrip(), left[closed.end() :]
        sizes = range(min(len(self._closing) - 1, len(left)), 0, -1)
        size = next((size for size in sizes if self._closing.startswith(left[-size:].lower())), 0)
        thought = left[: len(left) - size]
        thought = thought.rstrip() if len(thought) - len(thought.rstrip()) <= MAX_HELD else thought
        self._held = left[len(thought) :]
        return thought, ""


def visible(text: str) -> str:
    """The text of a whole message without its thoughts."""
    if not text.lstrip().startswith(FIRST_CHARACTERS):
        return text
    splitter = Splitter()
    return "".join(piece for block, piece in (*splitter.feed(text), *splitter.end()) if not block)
