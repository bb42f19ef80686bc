"""Decoding server-sent events from bytes that may be split anywhere."""

from __future__ import annotations

MAX_EVENT_BYTES = 8 * 2**20
DONE = b"[DONE]"  # some servers end with it; it adds nothing to the terminal event


class EventTooLargeError(Exception):
    """One event is larger than MAX_EVENT_BYTES; no correct server sends that."""

    def __init__(self) -> None:
        super().__init__(f"one event is larger than {MAX_EVENT_BYTES} bytes")


class Decoder:
    """Turns chunks into complete events, each with its lines as they were sent."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._after_return = False  # the last chunk ended in CR: an LF at the start of the next one belongs to it

    def feed(self, chunk: bytes) -> list[bytes]:
        """Every event that this chunk completes, some of them without data. Raises EventTooLargeError."""
        if self._after_return or b"\r" in chunk:
            chunk = self._with_plain_newlines(chunk)
        whole = not self._buffer and chunk.endswith(b"\n\n")  # nearly every chunk
        complete = chunk[:-2] if whole else self._completed(chunk)
        return complete.split(b"\n\n")

    def end(self) -> bytes:
        """The last event, if no blank line followed it; some servers leave the line out."""
        return bytes(self._buffer).strip(b"\n")

    def _completed(self, chunk: bytes) -> bytes:
        """Everything up to the last blank line so far; the rest waits."""
        buffer = self._buffer
        searched = max(len(buffer) - 1, 0)  # keeps a large event in many chunks linear
        buffer += chunk
        end = buffer.rfind(b"\n\n", searched)
        complete = bytes(buffer[:end]) if end >= 0 else b""
        del buffer[: end + 2 if end >= 0 else 0]
        _check_size(buffer)
        return complete

    def _with_plain_newlines(self, chunk: bytes) -> bytes:
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_return = False
        if chunk:
            self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def data(event: bytes) -> bytes:
    """The data of an event. Raises EventTooLargeError."""
    _check_size(event)
    lines = [
        line[6:] if line.startswith(b"data: ") else line[5:]
        for line in event.split(b"\n")
        if line.startswith(b"data:") or line == b"data"
    ]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)


def name(event: bytes) -> str:
    """The name of an event. The Responses API repeats it as `type` in the data, so it is hardly ever needed."""
    names = [line[6:] for line in event.split(b"\n") if line.startswith(b"event:")]
    return names[-1].decode("utf-8", "replace").removeprefix(" ") if names else ""


def _check_size(event: bytes | bytearray) -> None:
    if len(event) > MAX_EVENT_BYTES:
        raise EventTooLargeError
