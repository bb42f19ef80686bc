"""Threads and their messages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import TSVectorField
from tortoise.models import Model

from chat.models.ids import uuid7
from chat.settings import MODEL_MAX_LENGTH

if TYPE_CHECKING:
    from chat.models.accounts import User

TITLE_MAX_LENGTH = 255


# What the list of chats shows of a thread `t`, in SQL.
LISTED_SQL = """t.title, t.last_message_at, t.rev, t.pinned, t.archived,
    t.answered_number > t.seen_number AND t.head_id IS NOT NULL AS unread"""


class Role(StrEnum):
    """The author's role, as the Responses API names it."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class Status(StrEnum):
    """The state of a message. All but `streaming` are final: a finished message never changes."""

    STREAMING = "streaming"
    FINAL = "final"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    ERROR = "error"


class TitleBy(StrEnum):
    """The source of a thread's title; a title that the user typed is never replaced."""

    WORDS = "words"  # the first words of the first message
    MODEL = "model"
    USER = "user"


class ChatThread(Model):
    """A conversation.

    `rev` counts the committed changes that tabs show; `fence` rises by two with each owner of a reply; `log_epoch` and
    `log_s` are the position of the thread's log when the last reply was stored. `model` is the user's choice, empty for
    the site's default. `head_id` is the last message that is shown, in every tab; null if there is none.
    `message_count` is the greatest number of a message, deleted ones included. `queue_paused` is a sentence for people;
    empty: the queue continues when an answer has ended. A chat is unread if `answered_number`, of the answer that ended
    last, is greater than `seen_number`. A chat with `deleted_at` is gone for its user, and is
    deleted a little later.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="threads", on_delete=fields.CASCADE
    )
    title = fields.CharField(max_length=TITLE_MAX_LENGTH, default="")
    title_by = fields.CharEnumField(TitleBy, max_length=5, default=TitleBy.WORDS)
    model = fields.CharField(max_length=MODEL_MAX_LENGTH, default="")
    archived = fields.BooleanField(default=False)
    pinned = fields.BooleanField(default=False)
    rev = fields.IntField(default=0)
    fence = fields.BigIntField(default=0)
    log_epoch = fields.CharField(max_length=8, default="")
    log_s = fields.BigIntField(default=0)
    message_count = fields.IntField(default=0)
    head_id = fields.UUIDField(null=True)  # no foreign key: it would be a circle
    queue_paused = fields.TextField(default="")
    forked_from: fields.ForeignKeyNullableRelation[ChatThread] = fields.ForeignKeyField(
        "models.ChatThread", related_name="branches", on_delete=fields.SET_NULL, null=True, db_index=True
    )
    answered_number = fields.IntField(default=0)
    seen_number = fields.IntField(default=0)
    deleted_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    last_message_at = fields.DatetimeField(auto_now_add=True)

    user_id: UUID
    forked_from_id: UUID | None

    class Meta:
        table = "chat_thread"
        indexes = (("user_id", "last_message_at"),)


class ChatMessage(Model):
    """One message. Messages with the same parent are its versions; what is shown is the path to the thread's head.

    A question's parent is the message before it, an answer's is its question, and that of an answer that continues
    another one is the other one. `number` counts the thread's messages from 1, under the thread's row lock, so a parent
    has a smaller number than its children.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    thread: fields.ForeignKeyRelation[ChatThread] = fields.ForeignKeyField(
        "models.ChatThread", related_name="messages", on_delete=fields.CASCADE
    )
    parent: fields.ForeignKeyNullableRelation[ChatMessage] = fields.ForeignKeyField(
        "models.ChatMessage", related_name="children", on_delete=fields.CASCADE, null=True, db_index=True
    )
    number = fields.IntField()
    role = fields.CharEnumField(Role, max_length=10)
    status = fields.CharEnumField(Status, max_length=12, default=Status.FINAL)
    content = fields.TextField(default="")
    reasoning = fields.TextField(default="")  # what the model wrote while it was thinking, shown to users
    reasoning_ms = fields.IntField(null=True)  # thinking time; null: the model did not think, or did not say so
    error = fields.TextField(default="")  # a sentence for people
    token_count = fields.IntField(null=True)
    client_id = fields.UUIDField(null=True)  # chosen by the tab, so that sending twice stores once
    created_at = fields.DatetimeField(auto_now_add=True)

    thread_id: UUID
    parent_id: UUID | None

    class Meta:
        table = "chat_message"
        unique_together = (("thread_id", "number"), ("thread_id", "client_id"))


class QueuedMessage(Model):
    """A message that waits until the answers before it have ended; `number` is its place in the thread's queue.

    `is_next` is set when the user asks for it now: it goes first, also after an answer that did not end normally.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    thread: fields.ForeignKeyRelation[ChatThread] = fields.ForeignKeyField(
        "models.ChatThread", related_name="queue", on_delete=fields.CASCADE
    )
    number = fields.IntField()
    client_id = fields.UUIDField()  # the message keeps it, so that sending twice stores once
    content = fields.TextField()
    model = fields.CharField(max_length=MODEL_MAX_LENGTH, default="")  # from this message on; empty: unchanged
    head_id = fields.UUIDField(null=True)  # the last message that its writer saw; it may be deleted meanwhile
    is_next = fields.BooleanField(default=False)
    created_at = fields.DatetimeField(auto_now_add=True)

    thread_id: UUID

    class Meta:
        table = "queued_message"
        unique_together = (("thread_id", "number"), ("thread_id", "client_id"))


class SearchEntry(Model):
    """The words of a message, or of a thread's title, by which its user finds it; written by `chat/search/`.

    The id is the message's, or for a title the thread's. It comes after its message has ended, and goes with it.
    """

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="search_entries", on_delete=fields.CASCADE
    )
    thread: fields.ForeignKeyRelation[ChatThread] = fields.ForeignKeyField(
        "models.ChatThread", related_name="search_entries", on_delete=fields.CASCADE, db_index=True
    )
    message: fields.OneToOneNullableRelation[ChatMessage] = fields.OneToOneField(
        "models.ChatMessage", related_name="search_entry", on_delete=fields.CASCADE, null=True
    )
    words = TSVectorField()

    user_id: UUID
    thread_id: UUID
    message_id: UUID | None

    class Meta:
        table = "search_entry"
        indexes = (("user_id", "id"),)
