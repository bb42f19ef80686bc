"""The text of a running answer: received, gathered for some milliseconds, and published with its position."""

from __future__ import annotations

import asyncio
import logging

from chat.broadcast import Append, Broadcast, LogPosition, Unavailable
from chat.events import Frame, ResponseStarted, ResponseText, TextDelta
from chat.services.replies.lease import Checkpoint, Claim, Fenced
from chat.text import from_utf16, up_to_utf16, utf16_length

logger = logging.getLogger(__name__)

PIECE = 1024  # characters that are published without waiting for more
RETRY_SECONDS = (0.05, 2.0)  # first and longest pause while Redis is unavailable; text is gathered meanwhile


class LiveText:
    """Takes pieces as they arrive and publishes them as larger deltas."""

    def __init__(
        self,
        claim: Claim,
        *,
        broadcast: Broadcast,
        flush_seconds: float,
        text: str = "",
        overlap: int = 0,
    ) -> None:
        """`text` was received already; the provider will send its last `overlap` UTF-16 code units again."""
        self._claim = claim
        self._log = broadcast.log
        self._flush_seconds = flush_seconds
        self._pieces = [text] if text else []
        self._length = utf16_length(text)
        self._shown_pieces, self._shown_length = 0, 0
        self._position = LogPosition()
        self._sequence = claim.checkpoint.sequence
        self._overlap = overlap
        self._corrected = False  # what was published is not the beginning of the text
        self._waiting = 0  # characters not yet published
        self._arrived, self._enough = asyncio.Event(), asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def text(self) -> str:
        """All text received."""
        return "".join(self._pieces)

    @property
    def position(self) -> LogPosition:
        """The log position of the last event."""
        return self._position

    def add(self, piece: str, *, sequence: int) -> None:
        """The next piece; `sequence` is the provider's number of it."""
        if self._overlap:
            known, self._overlap = self._overlap, max(0, self._overlap - utf16_length(piece))
            piece = from_utf16(piece, known)
        self._pieces.append(piece)
        self._length += utf16_length(piece)
        self._sequence = sequence
        self._waiting += len(piece)
        self._arrived.set()
        if self._waiting >= PIECE:
            self._enough.set()

    def correct(self, start: int, text: str) -> None:
        """Replace the text from `start` (UTF-16 code units) on: the provider's stream had lost something."""
        whole = up_to_utf16(self.text, start) + text
        self._pieces, self._length, self._overlap = [whole], utf16_length(whole), 0
        self._corrected = True
        self._arrived.set()

    def start_round(self, sequence: int) -> None:
        """Another call of the provider has begun, which numbers its events from the start."""
        self._sequence = sequence

    def checkpoint(self) -> Checkpoint:
        """Text and positions of this moment: nothing else runs between reading them.

        Text that the provider will send again is left out, as it comes after `sequence`. In the log it is after the
        position of the claim's checkpoint, which is kept until all of it has come.
        """
        if not self._overlap:
            return Checkpoint(self.text, self._length, self._sequence, self._position)
        length = self._length - self._overlap
        text = up_to_utf16(self.text, length)
        return Checkpoint(text, length, self._sequence, self._claim.checkpoint.position)

    async def announce(self) -> None:
        """Announce to tabs that a worker owns the answer, with its text so far."""
        try:
            await self._append(ResponseStarted(self._claim.rev, self._claim.answer_id), any_epoch=True)
            if self._pieces:
                await self._show_everything()
        except Unavailable as error:
            logger.warning("Redis is unavailable at the start of an answer, which continues: %s", error)

    async def publish_always(self) -> None:
        """Publish until cancelled: the first piece at once, then gathered. Raises Fenced."""
        retry = RETRY_SECONDS[0]
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            try:
                await self.flush()
            except Unavailable:
                await asyncio.sleep(retry)
                retry = min(retry * 2, RETRY_SECONDS[1])
                self._arrived.set()
            else:
                retry = RETRY_SECONDS[0]
                await self._gather()

    async def flush(self) -> None:
        """Publish what is waiting. Raises Unavailable, Fenced."""
        async with self._writing:
            await self._show_waiting()

    async def tell(self, event: Frame, *, terminal: bool = False) -> None:
        """Publish another event after the text before it. Without Redis it is dropped: tabs get it from rows."""
        try:
            async with self._writing:
                await self._show_waiting()
                epoch = self._position.epoch
                await self._append(event, any_epoch=True, terminal=terminal)
                # A new log must begin with the whole text.
                if epoch not in ("", self._position.epoch) and not terminal:
                    await self._show_everything()
        except Unavailable as error:
            logger.warning("Redis is unavailable, tabs get %s from the database: %s", type(event).__name__, error)

    async def _gather(self) -> None:
        self._enough.clear()
        if self._waiting < PIECE:
            try:
                async with asyncio.timeout(self._flush_seconds):
                    await self._enough.wait()
            except TimeoutError:
                return

    async def _show_waiting(self) -> None:
        if self._corrected:
            await self._show_everything()
        if self._shown_pieces == len(self._pieces):
            return
        upto, length, self._waiting = len(self._pieces), self._length, 0
        delta = "".join(self._pieces[self._shown_pieces : upto])
        written = await self._append(TextDelta(self._claim.answer_id, self._shown_length, delta))
        if written:
            self._shown_pieces, self._shown_length = upto, length
        else:
            await self._show_everything()

    async def _show_everything(self) -> None:
        upto, length, corrected = len(self._pieces), self._length, self._corrected
        self._corrected = False
        try:
            await self._append(ResponseText(self._claim.answer_id, self.text), any_epoch=True)
        except Unavailable:
            self._corrected |= corrected
            raise
        self._shown_pieces, self._shown_length = upto, length

    async def _append(self, event: Frame, *, any_epoch: bool = False, terminal: bool = False) -> bool:
        """False if the log is in a new epoch, which has to begin with the whole text."""
        appended = await self._log.append(
            Append(
                self._claim.thread_id,
                event,
                fence=self._claim.fence,
                terminal=terminal,
                expected_epoch="" if any_epoch else self._position.epoch,
                minimum=self._position,
            )
        )
        if appended.offset < 0 and not terminal:  # for a terminal event it means that an earlier try arrived
            raise Fenced(self._claim.generation_id)
        written = appended.offset > 0
        self._position = LogPosition(appended.epoch, appended.offset if written else self._position.offset)
        return written
