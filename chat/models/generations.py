"""How an answer is produced: its owner, its progress, and the tools it called."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from chat.models.ids import uuid7
from chat.settings import MODEL_MAX_LENGTH

if TYPE_CHECKING:
    from chat.models.threads import ChatMessage, ChatThread

PROVIDER_ID_MAX_LENGTH = 128  # of responses, requests and function calls
TOOL_NAME_MAX_LENGTH = 64


class State(StrEnum):
    """Queued and running are active; a thread has at most one active generation (index `one_active`)."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CANCELLED = "cancelled"


ALIVE_SQL = f"('{State.QUEUED}', '{State.RUNNING}')"  # these states, in SQL


class Generation(Model):
    """One attempt at an answer.

    The owner holds a lease by the database's clock and a fence: every write requires its fence and an active state, so
    a worker that lost its lease writes nothing. `partial`, `partial_reasoning`, `up_seq` (the provider's sequence
    number) and `ckpt_epoch`/`ckpt_s` (position in the live log) are one checkpoint and are saved together. A run that
    continues at the provider on its own (`background`) can be resumed from there.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    thread: fields.ForeignKeyRelation[ChatThread] = fields.ForeignKeyField(
        "models.ChatThread", related_name="generations", on_delete=fields.CASCADE, db_index=True
    )
    user_message: fields.ForeignKeyRelation[ChatMessage] = fields.ForeignKeyField(
        "models.ChatMessage", related_name="attempts", on_delete=fields.CASCADE
    )
    answer: fields.ForeignKeyRelation[ChatMessage] = fields.ForeignKeyField(
        "models.ChatMessage", related_name="generations", on_delete=fields.CASCADE, db_index=True
    )
    attempt = fields.IntField(default=1)
    continues = fields.BooleanField(default=False)  # it continues where the previous attempt ended
    takeovers = fields.IntField(default=0)
    model = fields.CharField(max_length=100, default="")  # that was requested, or will be
    state = fields.CharEnumField(State, max_length=12, default=State.QUEUED)
    owner = fields.CharField(max_length=64, null=True)
    fence = fields.BigIntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    request_at = fields.DatetimeField(null=True)  # committed before the request is sent
    response_id = fields.CharField(max_length=PROVIDER_ID_MAX_LENGTH, null=True)
    background = fields.BooleanField(default=False)
    round_start = fields.IntField(default=0)  # where the text of the current round begins, in UTF-16 code units
    up_seq = fields.IntField(default=-1)
    partial = fields.TextField(default="")
    partial_len = fields.IntField(default=0)  # UTF-16 code units, like `pos` in the protocol
    partial_reasoning = fields.TextField(default="")
    partial_reasoning_ms = fields.IntField(null=True)
    partial_thinking = fields.BooleanField(default=False)
    ckpt_epoch = fields.CharField(max_length=8, default="")
    ckpt_s = fields.BigIntField(default=0)
    cancel_at = fields.DatetimeField(null=True)
    reason = fields.CharField(max_length=40, default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    thread_id: UUID
    user_message_id: UUID
    answer_id: UUID

    class Meta:
        table = "generation"
        unique_together = (("user_message_id", "attempt"),)


class RoundItem(Model):
    """One output item of a finished round, exactly as it was received, so that later rounds can send it back.

    `item` is an output item of the Responses API: a message, a piece of reasoning or a function call; `number` is its
    place in the round. `model` is the name of the model that wrote it: no other one can read its reasoning.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    generation: fields.ForeignKeyRelation[Generation] = fields.ForeignKeyField(
        "models.Generation", related_name="items", on_delete=fields.CASCADE
    )
    round = fields.IntField()
    number = fields.IntField()
    model = fields.CharField(max_length=MODEL_MAX_LENGTH)
    item: fields.Field[Any] = fields.JSONField()

    generation_id: UUID

    class Meta:
        table = "round_item"
        unique_together = (("generation_id", "round", "number"),)


class ToolState(StrEnum):
    """The state of a tool call; the same words as in the protocol."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ToolCall(Model):
    """One call of a tool by the model, and its output."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    generation: fields.ForeignKeyRelation[Generation] = fields.ForeignKeyField(
        "models.Generation", related_name="tool_calls", on_delete=fields.CASCADE
    )
    round = fields.IntField(default=1)
    call_id = fields.CharField(max_length=PROVIDER_ID_MAX_LENGTH)
    name = fields.CharField(max_length=TOOL_NAME_MAX_LENGTH)
    arguments = fields.TextField(default="")
    output = fields.TextField(default="")
    token_count = fields.IntField(null=True)  # of the call and its output together, once it has ended
    state = fields.CharEnumField(ToolState, max_length=8, default=ToolState.RUNNING)
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    generation_id: UUID

    class Meta:
        table = "tool_call"
        unique_together = (("generation_id", "call_id"),)
