"""A running answer: text and reasoning are received, gathered for some milliseconds, and published with positions."""

from __future__ import annotations

import asyncio
import logging
import time

from chat.broadcast import Append, Appended, Broadcast, LogPosition, Unavailable
from chat.database import DatabaseUnavailable
from chat.events import Frame, ReasoningDelta, ReasoningDone, ResponseStarted, ResponseText, TextDelta
from chat.services.replies import lease
from chat.services.replies.growing import GrowingText
from chat.services.replies.lease import NOTHING, AnswerSoFar, Checkpoint, Claim, Fenced
from chat.services.replies.thoughts import Thoughts
from chat.text import up_to_utf16, utf16_length

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
        so_far: AnswerSoFar = NOTHING,
        repeats: bool = False,
    ) -> None:
        """`so_far` was received already. `repeats`: the provider will send what the claim's checkpoint lacks again."""
        kept = claim.checkpoint.answer if repeats else so_far
        self._claim = claim
        self._log, self._ticks = broadcast.log, broadcast.ticks
        self._flush_seconds = flush_seconds
        self._text = GrowingText(so_far.text, overlap=_beyond(so_far.text, kept.text))
        self._thoughts = Thoughts(
            so_far.reasoning,
            overlap=_beyond(so_far.reasoning, kept.reasoning),
            milliseconds=so_far.reasoning_ms,
            thinking=so_far.thinking,
        )
        self._told_changes = 0  # of the thoughts
        self._position = LogPosition()
        self._sequence = claim.checkpoint.sequence
        self._corrected = False  # what was published is not the beginning of the text
        self._waiting = 0  # characters not yet published
        self._began = time.monotonic()
        self.first_text_ms: int | None = None  # from the beginning here until tabs had the first text
        self._arrived, self._enough = asyncio.Event(), asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def so_far(self) -> AnswerSoFar:
        """Everything that was received."""
        thoughts = self._thoughts
        return AnswerSoFar(self._text.text, thoughts.text, thoughts.milliseconds, thoughts.thinking)

    @property
    def position(self) -> LogPosition:
        """The log position of the last event."""
        return self._position

    @property
    def elapsed_ms(self) -> int:
        """How long this worker has had the answer."""
        return round((time.monotonic() - self._began) * 1000)

    def add(self, piece: str, *, sequence: int) -> None:
        """The next piece of the text; `sequence` is the provider's number of it."""
        if self._thoughts.since is not None:
            self._thoughts.stop()
        self._text.add(piece)
        self._sequence = sequence
        self._waiting += len(piece)
        self._arrived.set()
        if self._waiting >= PIECE:
            self._enough.set()

    def think(self, piece: str, *, sequence: int) -> None:
        """The next piece of the reasoning. An empty one only says that a part of it begins, and may come again."""
        self._thoughts.think(piece)
        if piece:
            self._sequence = sequence
        self._waiting += len(piece)
        self._arrived.set()

    def stop_thinking(self) -> None:
        """A tool or the end follows."""
        if self._thoughts.stop():
            self._arrived.set()

    def correct(self, start: int, text: str) -> None:
        """Replace the text from `start` (UTF-16 code units) on: the provider's stream had lost something."""
        self._text.replace(up_to_utf16(self._text.text, start) + text)
        self._corrected = True
        self._arrived.set()

    def start_round(self, sequence: int) -> None:
        """Another call of the provider has begun, which numbers its events from the start."""
        self._thoughts.start_round()
        self._sequence = sequence

    def checkpoint(self) -> Checkpoint:
        """The answer and positions of this moment: nothing else runs between reading them.

        What the provider will send again is left out, as it comes after `sequence`. In the log it is after the
        position of the claim's checkpoint, which is kept until all of it has come.
        """
        text, thoughts = self._text, self._thoughts
        repeats = text.repeats or thoughts.repeats
        answer = AnswerSoFar(text.before_repeat, thoughts.before_repeat, thoughts.milliseconds, thoughts.thinking)
        length = utf16_length(answer.text) if text.repeats else text.length
        position = self._claim.checkpoint.position if repeats else self._position
        return Checkpoint(answer, length, self._sequence, position)

    async def announce(self) -> None:
        """Announce to tabs that a worker owns the answer, with its text so far."""
        claim = self._claim
        try:
            await self._append(ResponseStarted(claim.rev, claim.answer_id, claim.parent_id), any_epoch=True)
            if self._text.length or self._thoughts.changes:
                await self._show_everything()
        except Unavailable as error:
            logger.warning("The start of an answer was not published; the answer continues: %s", error)

    async def publish_always(self) -> None:
        """Publish until cancelled: the first piece at once, then gathered. Raises Fenced."""
        retry = RETRY_SECONDS[0]
        with self._ticks.publishing():
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

    async def next_tick(self) -> None:
        """Wait for the next tick if some text waits for it, but less than a piece; otherwise return at once."""
        if 0 < self._waiting < PIECE:
            tick = asyncio.Event()
            self._ticks.set_at_next(tick, self._flush_seconds)
            await tick.wait()

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
            logger.warning("Not published; tabs get %s from the database: %s", type(event).__name__, error)

    async def _gather(self) -> None:
        """Until the next tick, or until there is enough. The tick of an earlier wait can end it sooner."""
        self._enough.clear()
        if self._waiting < PIECE:
            self._ticks.set_at_next(self._enough, self._flush_seconds)
            await self._enough.wait()

    async def _show_waiting(self) -> None:
        if self._corrected:
            await self._show_everything()
        self._waiting = 0
        if self._thoughts.thinking:  # again, after the text
            await self._show_text()
            await self._show_thoughts()
        else:
            await self._show_thoughts()
            await self._show_text()

    async def _show_text(self) -> None:
        if not self._text.waiting:
            return
        mark, (pos, delta) = self._text.mark(), self._text.unpublished()
        if await self._append(TextDelta(self._claim.answer_id, pos, delta)):
            self._text.published(mark)
            if self.first_text_ms is None:
                self.first_text_ms = self.elapsed_ms
        else:
            await self._show_everything()

    async def _show_thoughts(self) -> None:
        thoughts, answer_id = self._thoughts, self._claim.answer_id
        changes, thinking, milliseconds = thoughts.changes, thoughts.thinking, thoughts.milliseconds or 0
        if changes == self._told_changes and not thoughts.waiting:
            return
        written = True
        if thinking or thoughts.waiting:
            mark, (pos, delta) = thoughts.mark(), thoughts.unpublished()
            if written := await self._append(ReasoningDelta(answer_id, pos, delta, milliseconds)):
                thoughts.published(mark)
        if written and not thinking:
            written = await self._append(ReasoningDone(answer_id, milliseconds))
        if written:
            self._told_changes = changes
        else:
            await self._show_everything()

    async def _show_everything(self) -> None:
        text, thoughts, corrected = self._text.mark(), self._thoughts.mark(), self._corrected
        changes, now = self._thoughts.changes, self.so_far
        self._corrected = False
        event = ResponseText(self._claim.answer_id, now.text, now.reasoning, now.reasoning_ms, now.thinking)
        try:
            await self._append(event, any_epoch=True)
        except Unavailable:
            self._corrected |= corrected
            raise
        self._text.published(text)
        self._thoughts.published(thoughts)
        self._told_changes = changes

    async def _append(self, event: Frame, *, any_epoch: bool = False, terminal: bool = False) -> bool:
        """False if the log is in a new epoch, which has to begin with the whole text.

        Raises Unavailable while another worker could own the answer: until the next heartbeat, the text is gathered.
        """
        if not self._claim.lease.is_current:
            raise Unavailable("the lease was not renewed in time")
        item = Append(
            self._claim.thread_id,
            event,
            fence=self._claim.fence,
            terminal=terminal,
            expected_epoch="" if any_epoch else self._position.epoch,
            minimum=self._position,
        )
        appended = await self._log.append(item)
        if appended.offset < 0 and not terminal:  # for a terminal event it means that an earlier try arrived
            appended = await self._append_after_a_restore(item)
        written = appended.offset > 0
        self._position = LogPosition(appended.epoch, appended.offset if written else self._position.offset)
        return written

    async def _append_after_a_restore(self, item: Append) -> Appended:
        """The log has a later fence, so this worker has lost the lease, unless the database, which decides, disagrees.

        It was restored from a backup then, in which fences are lower, and the log begins again.
        """
        try:
            if not await lease.is_owned(self._claim):
                raise Fenced(self._claim.generation_id)
        except DatabaseUnavailable as error:
            raise Unavailable(str(error)) from error
        logger.warning("The log of thread %s belongs to an owner that the database no longer knows", item.thread_id)
        await self._log.forget([item.thread_id])
        return await self._log.append(item)


def _beyond(text: str, kept: str) -> int:
    """How much longer the text is than what was kept of it, in UTF-16 code units."""
    return max(0, utf16_length(text) - utf16_length(kept))
