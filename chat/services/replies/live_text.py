"""The text of a running answer: what was received, what of it was published, and where in the log that stands."""

from __future__ import annotations

import asyncio
import logging

from chat.broadcast import Append, Broadcast, Unavailable
from chat.events import Frame, ResponseStarted, ResponseText, TextDelta
from chat.services.replies.lease import Checkpoint, Claim, Fenced
from chat.text import from_utf16, up_to_utf16, utf16_length

logger = logging.getLogger(__name__)

PIECE = 1024  # characters that are sent without waiting for more
RETRY_SECONDS = (0.05, 2.0)  # first and longest wait while Redis is away; the text gathers meanwhile


class LiveAnswer:
    """Takes pieces as they come, and publishes them gathered, each with its position."""

    def __init__(
        self,
        mine: Claim,
        *,
        broadcast: Broadcast,
        flush_seconds: float,
        text: str = "",
        up_seq: int = -1,
        again: int = 0,
    ) -> None:
        """`text` is what there is already; its last `again` UTF-16 code units come once more, after `up_seq`."""
        self._mine = mine
        self._log = broadcast.log
        self._flush_seconds = flush_seconds
        self._pieces = [text] if text else []
        self._length = utf16_length(text)
        self._shown_pieces, self._shown_length = 0, 0
        self._epoch, self._offset = "", 0
        self._up_seq = up_seq
        self._again = again
        self._corrected = False  # what was shown is not the beginning of the text
        self._waiting = 0  # characters not yet published
        self._arrived, self._enough = asyncio.Event(), asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def text(self) -> str:
        """Everything received."""
        return "".join(self._pieces)

    @property
    def position(self) -> tuple[str, int]:
        """Epoch and offset of the last event in the log."""
        return self._epoch, self._offset

    def add(self, piece: str, *, up_seq: int) -> None:
        """The next piece; `up_seq` is the provider's number for it."""
        if self._again:
            known, self._again = self._again, max(0, self._again - utf16_length(piece))
            piece = from_utf16(piece, known)
        self._pieces.append(piece)
        self._length += utf16_length(piece)
        self._up_seq = up_seq
        self._waiting += len(piece)
        self._arrived.set()
        if self._waiting >= PIECE:
            self._enough.set()

    def correct(self, start: int, text: str) -> None:
        """From this place on the text is that: the provider's stream had lost something."""
        whole = up_to_utf16(self.text, start) + text
        self._pieces, self._length, self._again = [whole], utf16_length(whole), 0
        self._corrected = True
        self._arrived.set()

    def at_round(self, up_seq: int) -> None:
        """Another call of the provider has begun, which numbers its events anew."""
        self._up_seq = up_seq

    def checkpoint(self) -> Checkpoint:
        """All of it at this moment: between reading text and position nothing else runs.

        What is to come again is not after this place in the stream, and so not in the text; in the log it is after the
        place of the checkpoint before, which stays until all has come.
        """
        if not self._again:
            return Checkpoint(self.text, self._length, self._up_seq, self._epoch, self._offset)
        length = self._length - self._again
        text = up_to_utf16(self.text, length)
        return Checkpoint(text, length, self._up_seq, self._mine.ckpt_epoch, self._mine.ckpt_s)

    async def announce(self) -> None:
        """Tell the tabs that the answer has an owner, and what there is of it already."""
        try:
            await self._append(ResponseStarted(self._mine.rev, self._mine.answer_id), any_epoch=True)
            if self._pieces:
                await self._show_everything()
        except Unavailable as error:
            logger.warning("Redis is away at the start of an answer, which goes on: %s", error)

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
        """Publish another event of this answer after the text before it. Without Redis it is dropped: rows have it."""
        try:
            async with self._writing:
                await self._show_waiting()
                epoch = self._epoch
                await self._append(event, any_epoch=True, terminal=terminal)
                if epoch not in ("", self._epoch) and not terminal:  # a new log: it has to begin with the whole text
                    await self._show_everything()
        except Unavailable as error:
            logger.warning("Redis is away, tabs learn of %s from the database: %s", type(event).__name__, error)

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
        written = await self._append(TextDelta(self._mine.answer_id, self._shown_length, delta))
        if written:
            self._shown_pieces, self._shown_length = upto, length
        else:
            await self._show_everything()

    async def _show_everything(self) -> None:
        upto, length, corrected = len(self._pieces), self._length, self._corrected
        self._corrected = False
        try:
            await self._append(ResponseText(self._mine.answer_id, self.text), any_epoch=True)
        except Unavailable:
            self._corrected |= corrected
            raise
        self._shown_pieces, self._shown_length = upto, length

    async def _append(self, event: Frame, *, any_epoch: bool = False, terminal: bool = False) -> bool:
        """Whether it was written; if not, the log has begun a new epoch and needs the whole text."""
        appended = await self._log.append(
            Append(
                self._mine.thread_id,
                event,
                fence=self._mine.fence,
                terminal=terminal,
                expected_epoch="" if any_epoch else self._epoch,
                minimum=(self._offset, self._epoch),
            )
        )
        if appended.offset < 0 and not terminal:  # of a terminal event it says that an earlier try arrived
            raise Fenced(self._mine.generation_id)
        self._epoch = appended.epoch
        if appended.offset > 0:
            self._offset = appended.offset
        return appended.offset > 0
