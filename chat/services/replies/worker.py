"""The replies that this process runs: start them, renew their leases, stop them, take over lost ones, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID

from chat import tracing
from chat.broadcast import Event, Publish, Unavailable, control_channel
from chat.database import DatabaseUnavailable, OutageLog
from chat.events import Released, StopRequested, decode_between_workers
from chat.models import User
from chat.search.indexer import Indexer
from chat.services.deps import Deps
from chat.services.errors import NotAdministrator, Refused
from chat.services.replies import answer_log, finish, lease, queue, queue_runs, takeover, thread_deletion, titles
from chat.services.replies.capacity import OVERLOADED, Capacity
from chat.services.replies.finish import Outcome
from chat.services.replies.lease import Claim
from chat.services.replies.reply import Reply
from chat.services.replies.thread_deletion import DeletedGeneration

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

HEARTBEAT_SECONDS = 3.0
SPARED_SECONDS = 0.05  # beyond the expiry of a spared lease
OUTAGE_SECONDS = 6.0  # after a failure here, owners elsewhere may still have no working connection
STORE_SECONDS = 3.0  # to store the ends of the replies that a drain has stopped
REAPER_SECONDS = (2.0, 4.0)


class Worker:
    """One per process: its replies, and every other task that a drain must wait for."""

    _deps: Deps

    def __init__(self, *, most_replies: int) -> None:
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.draining = False
        self.capacity = Capacity(most_replies)
        self.indexer = Indexer()
        self._started: set[UUID] = set()  # generations, until their replies have ended here
        self._replies: dict[UUID, Reply] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._outages = OutageLog(logger)

    @property
    def running(self) -> int:
        """The number of replies under way here."""
        return len(self._replies)

    async def run(self, deps: Deps) -> None:
        """Keep leases, listen for stops, and look for lost replies until cancelled. Nothing starts before this runs."""
        self._deps = deps
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_leases(), name="leases")
            group.create_task(self._listen(), name="control")
            group.create_task(self._look_for_lost(), name="reaper")
            group.create_task(self.indexer.run(), name="indexer")

    def start(self, generation_id: UUID, *, lost: bool = False) -> None:
        """Claim and answer in a task of this worker, which closing every tab does not end."""
        if generation_id in self._started:  # the reaper found it again while the first task waits for the database
            return
        self._started.add(generation_id)
        self.capacity.take()
        task = self._keep(self._claim_and_run(generation_id, lost=lost), f"reply {generation_id}")
        task.add_done_callback(lambda _: self._over(generation_id))

    @contextmanager
    def answering(self, claim: Claim) -> Iterator[None]:
        """Own an answer that was claimed as it was stored, and write it after the block, which announces it."""
        self._started.add(claim.generation_id)
        self.capacity.take()
        reply = self._replies[claim.generation_id] = Reply(claim, self._deps)
        try:
            yield
        finally:
            task = self._keep(self._run_claimed(reply), f"reply {claim.generation_id}")
            task.add_done_callback(lambda _: self._over(claim.generation_id))

    def room(self, sentence: str = OVERLOADED) -> AbstractContextManager[None]:
        """Take a place among the answers while a message is stored and its answer starts. Raises Refused."""
        return self.capacity.room(sentence)

    async def stop(self, user: User, thread_id: UUID, answer_id: UUID) -> bool:
        """Stop the user's running answer, on any worker. False if none is running."""
        with suppress(Refused):  # the thread was deleted just now
            await queue.unchoose(user, thread_id, broadcast=self._deps.broadcast)
        generation_id = await lease.request_stop(user.id, thread_id, answer_id)
        if generation_id is None:
            return False
        await self._stop(generation_id)
        return True

    async def stop_marked(self, generation_ids: Sequence[UUID]) -> None:
        """Stop replies that are marked to be stopped, on any worker."""
        for generation_id in generation_ids:
            await self._stop(generation_id)

    async def stop_deleted(self, running: Sequence[DeletedGeneration]) -> None:
        """Stop the replies of deleted threads, on any worker."""
        for one in running:
            await self._stop(one.id)
            if one.orphan:  # otherwise the provider keeps generating
                self._keep(self._deps.llm.cancel(one.orphan, model=one.model), f"cancelling {one.id}")

    async def shielded(self, work: Coroutine[Any, Any, Result], name: str) -> Result:
        """Finish the work even if the caller is cancelled, as the server does when a client disconnects."""
        return await asyncio.shield(self._keep(work, name))

    async def drain(self, *, seconds: float) -> None:
        """Refuse new messages, let replies continue for a while, then hand them over or end them with their text."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = list(self._replies.values())
        handed_over = [reply for reply in left if reply.hand_over()]
        for reply in left:
            if reply not in handed_over:
                reply.end(finish.RESTARTED)
        if left:
            counts = {"handed_over": len(handed_over), "ended": len(left) - len(handed_over)}
            logger.warning("Answers did not end within the drain", extra={"fields": counts})
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STORE_SECONDS)
        if self._replies:
            logger.error(
                "Stopping before the ends of %s replies are stored: other workers take over when the leases expire",
                self.running,
            )
        await self.close()

    async def close(self) -> None:
        """Cancel what still runs, before the database closes: titles, whose cost is recorded anyway, and claims."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)

    def _over(self, generation_id: UUID) -> None:
        self._started.discard(generation_id)
        self.capacity.leave()

    def _end(self, generation_id: UUID, outcome: Outcome) -> bool:
        reply = self._replies.get(generation_id)
        if reply:
            reply.end(outcome)
        return reply is not None

    async def _stop(self, generation_id: UUID) -> None:
        if self._end(generation_id, finish.STOPPED):
            return
        await self._deps.broadcast.announce(Publish(control_channel(), StopRequested(generation_id)))

    def _keep(self, work: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        match error:
            case None | Refused() | NotAdministrator():
                pass
            case DatabaseUnavailable():  # a lost reply is taken over when its lease expires
                self._outages.tell(task.get_name(), error)
            case _:
                logger.error("%s failed", task.get_name(), exc_info=error)

    async def _claim(self, generation_id: UUID, *, lost: bool) -> Claim | None:
        """Claim a lost one only after its owner had time to renew the lease, if the owner survived an outage."""
        if not lost:
            return await lease.retry(lambda: lease.claim(generation_id, owner=self.name))
        after_outage = self._outages.seconds_ago < OUTAGE_SECONDS
        await asyncio.sleep(await lease.spare(generation_id, after_outage=after_outage) + SPARED_SECONDS)
        return None if self.draining else await lease.claim(generation_id, owner=self.name)

    async def _claim_and_run(self, generation_id: UUID, *, lost: bool) -> None:
        claim = await self._claim(generation_id, lost=lost)
        if claim is None:
            return
        answer_log.concerns(claim)
        if not (claim.asked or claim.cancelled):
            answer_log.taken_over(claim, "begins", self._deps.metrics)
            await self._run_reply(Reply(claim, self._deps))
        elif resumed := await lease.retry(lambda: takeover.resumed(claim, self._deps)):
            answer_log.taken_over(claim, "resumes", self._deps.metrics)
            await self._run_reply(Reply(claim, self._deps, resumed))
        else:
            answer_log.taken_over(claim, "ends", self._deps.metrics)
            await lease.retry(lambda: takeover.end_lost(claim, self._deps))
        self._follow_up(claim)

    def _follow_up(self, claim: Claim) -> None:
        """After the end of an answer is stored, in tasks of their own."""
        self.indexer.add(claim.question_id, claim.answer_id)
        self._run_queue(claim.thread_id, queue_runs.run_after)

    def _run_queue(self, thread_id: UUID, run: Callable[[Deps, UUID], Coroutine[Any, Any, None]]) -> None:
        self._keep(run(self._deps, thread_id), f"queue of {thread_id}")

    async def _run_claimed(self, reply: Reply) -> None:
        await self._run_reply(reply)
        self._follow_up(reply.claim)

    async def _run_reply(self, reply: Reply) -> None:
        claim = reply.claim
        answer_log.concerns(claim)
        self._replies[claim.generation_id] = reply
        with self._deps.traces.span(tracing.ANSWER):
            try:
                await reply.run()
            finally:
                del self._replies[claim.generation_id]
            if not self.draining:
                self._keep(titles.write_title(claim, self._deps), f"title {claim.thread_id}")

    async def _keep_leases(self) -> None:
        while True:
            all_renewed = await self._renew_leases()
            await asyncio.sleep(HEARTBEAT_SECONDS if all_renewed else min(HEARTBEAT_SECONDS, lease.PAUSE_SECONDS))

    async def _renew_leases(self) -> bool:
        """False if a lease was not renewed."""
        owned = dict(self._replies)
        if not owned:
            return True
        now = time.monotonic()
        try:
            kept = await lease.renew(self.name, list(owned))
            missing = [reply for generation_id, reply in owned.items() if generation_id not in kept]
            fences = await lease.fences([reply.claim.generation_id for reply in missing]) if missing else {}
        except DatabaseUnavailable as error:
            self._outages.tell("renewing leases", error)
            return False
        except Exception:  # the loop must continue, whatever failed
            logger.exception("Leases were not renewed")
            return False
        for generation_id, cancelled in kept.items():
            owned[generation_id].claim.lease.renewed_at = now
            if cancelled:
                owned[generation_id].end(finish.STOPPED)
        for reply in missing:
            self._abandon_lost(reply, fences.get(reply.claim.generation_id))
        return not missing

    def _abandon_lost(self, reply: Reply, fence: int | None) -> None:
        """With its own fence, the row was locked or the reply has just ended; with another one, it is lost.

        Without a row the thread was deleted.
        """
        claim = reply.claim
        if fence == claim.fence:
            return
        if fence is not None:
            late = claim.lease.seconds_old
            logger.warning("Abandoned generation %s: its lease was last renewed %.1f s ago", claim.generation_id, late)
        reply.abandon()

    async def _listen(self) -> None:
        async with self._deps.broadcast.channels.subscribe(control_channel()) as control:
            while True:
                item = await control.get()
                if isinstance(item, Event):
                    self._on_control(item)

    def _on_control(self, event: Event) -> None:
        match message := decode_between_workers(event.frame):
            case None:  # of a newer release, or of another program on this Redis
                logger.warning("Ignored an unknown event on the control channel")
            case StopRequested():
                self._end(message.generation_id, finish.STOPPED)
            case Released() if not self.draining and self.capacity.free:
                self.start(message.generation_id)

    async def _look_for_lost(self) -> None:
        low, high = REAPER_SECONDS
        while True:
            await asyncio.sleep(low + (high - low) * secrets.randbelow(1000) / 1000)
            if self.draining:
                continue
            try:
                lost, due = await lease.expired(), await thread_deletion.due()
                ready = await queue_runs.ready(self._deps)
            except DatabaseUnavailable as error:
                self._outages.tell("looking for lost replies", error)
                continue
            except Exception:  # the next round comes in three seconds
                logger.exception("Could not look for lost replies")
                continue
            self._take_over(lost)
            for thread_id in ready:
                self._run_queue(thread_id, queue_runs.run_next)
            if due:
                self._keep(self._purge(due), "purge")

    async def _purge(self, due: Sequence[UUID]) -> None:
        for start in range(0, len(due), thread_deletion.PURGED_AT_ONCE):
            deleted = await thread_deletion.purge(due[start : start + thread_deletion.PURGED_AT_ONCE])
            await self.stop_deleted(deleted.running)  # which records their cost; most have stopped long ago
            with suppress(Unavailable):  # the logs expire on their own
                await self._deps.broadcast.log.forget(deleted.threads)

    def _take_over(self, lost: Sequence[UUID]) -> None:
        """Start as many as fit; places for the rest are reserved, so new messages don't keep them waiting."""
        others = [one for one in lost if one not in self._started]
        fitting = others[: self.capacity.free]
        self.capacity.reserve(len(others) - len(fitting))
        for generation_id in fitting:
            self.start(generation_id, lost=True)
