"""Claims of answers that are in no database."""

from __future__ import annotations

import uuid

from chat.broadcast import LogPosition
from chat.services.replies.lease import NOTHING, Checkpoint, Claim


def claim(fence: int = 2, at: Checkpoint | None = None, *, like: Claim | None = None) -> Claim:
    """A claim of this fence and checkpoint; `like` another one, of the same answer."""
    return Claim(
        generation_id=uuid.uuid4(), thread_id=like.thread_id if like else uuid.uuid4(), user_id=uuid.uuid4(),
        answer_id=like.answer_id if like else uuid.uuid4(), question_id=uuid.uuid4(),
        parent_id=like.parent_id if like else uuid.uuid4(), is_first=True, continues=False, model="", fence=fence,
        rev=2, asked=bool(at), cancelled=False, takeovers=int(bool(at)), response_id="resp", background=True,
        round_start=0, checkpoint=at or Checkpoint(NOTHING, 0, -1, LogPosition()),
    )  # fmt: skip
