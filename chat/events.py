"""The protocol: every frame that a tab can send or receive. docs/protocol.md describes it."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

PROTOCOL_VERSION = 1
MESSAGE_MAX_LENGTH = 32_000  # characters
FRAME_MAX_BYTES = 64 * 1024


class Close(IntEnum):
    """Why a socket was closed. 4000 to 4499: reconnect; 4500 to 4999: don't."""

    RESTART = 1012
    OVERLOAD = 1013
    FAILED = 1011
    SLOW = 4000
    RESYNC_FAILED = 4001
    NO_PONG = 4002
    NO_HELLO = 4003
    FLOOD = 4004
    BAD_FRAME = 4500
    SESSION_ENDED = 4501
    NO_SUCH_THREAD = 4503
    TOO_MANY_SOCKETS = 4504
    DELETED = 4505
    RELOAD = 4506


class Frame(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=False):
    """Any frame; `type` is the tag."""


# Frames from a tab.


class Hello(Frame, frozen=True, tag="hello"):
    """The first frame of a socket: the position of the tab."""

    v: int
    cursor: str = ""
    rev: int = 0
    want: str = ""


class MessageSend(Frame, frozen=True, tag="message.send"):
    """A new message; sent again with the same `client_id` until it is acknowledged."""

    client_id: UUID
    content: str
    model: str = ""  # from now on; empty: unchanged
    queue: bool = False  # while an answer is being written, the message waits instead of being refused as busy
    edits: UUID | None = None  # the question that this one replaces, as another version of it
    head_id: UUID | None = None  # the last message that the tab shows


class ResponseCancel(Frame, frozen=True, tag="response.cancel"):
    """Stop the running answer."""

    message_id: UUID


class QueueTake(Frame, frozen=True, tag="queue.take"):
    """Take a message out of the queue, to edit it."""

    client_id: UUID


class QueueRemove(Frame, frozen=True, tag="queue.remove"):
    """Remove a queued message."""

    client_id: UUID


class QueueSendNow(Frame, frozen=True, tag="queue.send_now"):
    """Stop the running answer, and send this queued message next."""

    client_id: UUID


class QueueResume(Frame, frozen=True, tag="queue.resume"):
    """End the pause of the queue."""


class Seen(Frame, frozen=True, tag="seen"):
    """The end of this answer is shown in a tab that is visible."""

    message_id: UUID


class Sync(Frame, frozen=True, tag="sync"):
    """The tab has detected that its text is wrong: it asks for a snapshot."""


class Pong(Frame, frozen=True, tag="pong"):
    """The answer to a ping."""

    n: int = 0
    cursor: str = ""


Inbound = (
    Hello | MessageSend | ResponseCancel | QueueTake | QueueRemove | QueueSendNow | QueueResume | Seen | Sync | Pong
)


# Frames to a tab.


class MessageView(msgspec.Struct, frozen=True):
    """A message, as tabs and the JSON API get it."""

    id: UUID
    client_id: UUID | None
    role: str
    status: str
    content: str
    error: str
    created_at: datetime
    tools: list[ToolCallView] = []
    reasoning: str = ""  # what the model wrote while it was thinking
    reasoning_ms: int | None = None  # thinking time; null: the model did not think, or did not say so
    thinking: bool = False  # whether the model is thinking now
    retryable: bool = True  # of an answer that failed: whether trying again may help
    can_continue: bool = False  # the answer is final, but was cut off at its maximum length
    continues: bool = False  # the answer before it
    parent_id: UUID | None = None  # the message before it, in every version of the chat; null: it begins the chat
    versions: list[UUID] = []  # all messages with this parent, oldest first; empty if this is the only one


class ToolCallView(msgspec.Struct, frozen=True):
    """A tool call, as tabs get it."""

    call_id: str
    name: str
    status: str
    arguments: str
    output: str
    title: str = ""  # for people: what the tool does, or did
    detail: str = ""  # one of its arguments, cut to one short line


class QueuedView(msgspec.Struct, frozen=True):
    """A message that waits for the answers before it."""

    client_id: UUID
    content: str
    model: str
    created_at: datetime


class QueueView(msgspec.Struct, frozen=True):
    """The queue of a thread, in order."""

    paused: str = ""  # a sentence for people; empty: the first message is sent when the running answer has ended
    items: list[QueuedView] = []


class Welcome(Frame, frozen=True, tag="welcome"):
    """The hello was accepted; a replay of events or a snapshot follows."""

    mode: Literal["replay", "snapshot"]
    cursor: str
    rev: int
    heartbeat_ms: int
    versions: bool = True  # knows `edits`; a worker of an older release would store the text as a new message
    seen: bool = True  # knows `seen`; a worker of an older release would refuse the frame
    release: str = ""  # equals the page's, or the page is of another release and moves by loading


class RunningView(msgspec.Struct, frozen=True):
    """The answer that is being written, and whether it is on the path: otherwise it is part of another version."""

    message_id: UUID
    shown: bool


class OriginView(msgspec.Struct, frozen=True):
    """The user's thread that another one was branched from."""

    thread_id: UUID
    title: str


class Snapshot(Frame, frozen=True, tag="thread.snapshot"):
    """The current state of the thread, which replaces what the tab shows. Large ones come in several parts."""

    cursor: str
    rev: int
    title: str
    part: int
    parts: int
    has_older: bool
    older_cursor: str
    messages: list[MessageView]
    queue: QueueView | None = None  # only in the last part
    running: RunningView | None = None  # only in the last part
    model: str = ""  # that the composer offers first: the thread's, or the one in the user's settings; empty: any
    forked_from: OriginView | None = None
    pinned: bool | None = None  # as in `thread.updated`, like the next two
    archived: bool | None = None
    unread: bool | None = None


class Ack(Frame, frozen=True, tag="ack"):
    """The message is stored. While it is queued, it has no ids yet."""

    client_id: UUID
    message_id: UUID | None
    reply_id: UUID | None
    queued: bool = False


class Nack(Frame, frozen=True, tag="nack"):
    """The message was refused and nothing was stored."""

    client_id: UUID
    code: str
    message: str
    retry_ms: int = 0


class MessageCreated(Frame, frozen=True, tag="message.created"):
    """A message was stored."""

    rev: int
    message: MessageView


class ResponseStarted(Frame, frozen=True, tag="response.started"):
    """A worker now owns the answer."""

    rev: int
    message_id: UUID
    parent_id: UUID | None = None  # null from a worker of an older release


class TextDelta(Frame, frozen=True, tag="response.output_text.delta"):
    """More text; `pos` is the UTF-16 length of the answer before it."""

    message_id: UUID
    pos: int
    delta: str


class ReasoningDelta(Frame, frozen=True, tag="response.reasoning.delta"):
    """The model is thinking, and wrote this; `pos` is the UTF-16 length of its reasoning before it."""

    message_id: UUID
    pos: int
    delta: str  # may be empty
    ms: int  # thinking time so far


class ReasoningDone(Frame, frozen=True, tag="response.reasoning.done"):
    """The model has stopped thinking; it may think again after a tool."""

    message_id: UUID
    ms: int


class ToolCallChanged(Frame, frozen=True, tag="response.tool_call"):
    """A tool is running, done or failed."""

    message_id: UUID
    call_id: str
    name: str
    status: str
    arguments: str = ""
    output: str = ""
    title: str = ""
    detail: str = ""


class ResponseText(Frame, frozen=True, tag="response.text"):
    """The whole text and reasoning so far; replaces what the tab has of both."""

    message_id: UUID
    text: str
    reasoning: str = ""
    reasoning_ms: int | None = None
    thinking: bool = False


class Final(Frame, frozen=True, tag="final"):
    """The answer is complete and stored."""

    rev: int
    message_id: UUID
    status: str
    content_length: int
    content_sha8: str
    usage: dict[str, Any] | None
    call_log_id: UUID | None
    message: str = ""  # a sentence for people, if the answer did not end normally
    reasoning_length: int = 0
    reasoning_ms: int | None = None
    can_continue: bool = False  # it was cut off at its maximum length


class ResponseError(Frame, frozen=True, tag="response.error"):
    """The answer failed; its text so far is kept."""

    rev: int
    message_id: UUID
    code: str
    message: str
    retryable: bool
    reasoning_length: int = 0
    reasoning_ms: int | None = None


class TitleUpdated(Frame, frozen=True, tag="thread.title.updated"):
    """The thread has a new title."""

    rev: int
    thread_id: UUID
    title: str


class QueueChanged(Frame, frozen=True, tag="queue.changed"):
    """The whole queue of the thread, after a change."""

    rev: int
    paused: str
    items: list[QueuedView]


class QueueTaken(Frame, frozen=True, tag="queue.taken"):
    """The queued message that this tab has taken out, to edit it."""

    client_id: UUID
    content: str
    model: str


class PathChanged(Frame, frozen=True, tag="path.changed"):
    """Another version is shown, or messages were deleted: a tab asks for a snapshot."""

    rev: int
    head_id: UUID | None


class ThreadUpdated(Frame, frozen=True, tag="thread.updated"):
    """A changed thread, for the sidebar of every tab of the user."""

    thread_id: UUID
    title: str
    last_message_at: datetime
    running: bool
    rev: int = 0  # a rev older than the tab's changes nothing; 0: unknown
    pinned: bool | None = None  # null from a worker of an older release, like the next two: unchanged
    archived: bool | None = None
    unread: bool | None = None


class ThreadDeleted(Frame, frozen=True, tag="thread.deleted"):
    """A deleted thread, for the sidebar of every tab of the user."""

    thread_id: UUID
    rev: int = 0  # an update that brings the thread back has a greater one; 0 from a worker of an older release


class ListedThread(msgspec.Struct, frozen=True):
    """A row of the list of chats."""

    thread_id: UUID
    title: str
    last_message_at: datetime
    rev: int
    running: bool
    pinned: bool = False
    archived: bool = False
    unread: bool = False


class ThreadList(Frame, frozen=True, tag="thread.list"):
    """The user's newest chats, for a tab that may have missed a change."""

    threads: list[ListedThread]
    older_cursor: str  # for the chats after them; empty if there are none


class ThemeChanged(Frame, frozen=True, tag="theme.changed"):
    """The new theme, for every tab of the user."""

    theme: str


class EnterKeyChanged(Frame, frozen=True, tag="enter_key.changed"):
    """What the Enter key does from now on, for every tab of the user."""

    enter_key: str


class Live(Frame, frozen=True, tag="live"):
    """Whether Redis and PostgreSQL are available; otherwise a tab is some seconds behind."""

    on: bool


class ModelsUnavailable(Frame, frozen=True, tag="models.unavailable"):
    """The models whose answers fail now because their provider is down; none: all answer again."""

    names: list[str]
    message: str  # a sentence for people; empty if there are none


class FrameRefused(Frame, frozen=True, tag="error"):
    """A frame was invalid or not allowed; the socket stays open."""

    code: str
    message: str


class Ping(Frame, frozen=True, tag="ping"):
    """A tab has to answer with a pong."""

    n: int


class Bye(Frame, frozen=True, tag="bye"):
    """The socket is about to be closed."""

    reason: str
    retry_ms: int


Logged = (
    MessageCreated
    | ResponseStarted
    | TextDelta
    | ReasoningDelta
    | ReasoningDone
    | ToolCallChanged
    | ResponseText
    | Final
    | ResponseError
    | TitleUpdated
    | QueueChanged
    | PathChanged
    | ThreadUpdated
)

Outbound = (
    Welcome
    | Snapshot
    | Ack
    | Nack
    | Logged
    | QueueTaken
    | ThreadDeleted
    | ThreadList
    | ThemeChanged
    | EnterKeyChanged
    | Live
    | ModelsUnavailable
    | FrameRefused
    | Ping
    | Bye
)


class SessionEnded(Frame, frozen=True, tag="session.ended"):
    """Between workers only: sockets of this session have to close."""

    session_id: UUID


class AccountDeleted(Frame, frozen=True, tag="account.deleted"):
    """Between workers only: all sockets of this user have to close."""


class StopRequested(Frame, frozen=True, tag="stop"):
    """Between workers only: the owner of this generation has to stop."""

    generation_id: UUID


class Released(Frame, frozen=True, tag="released"):
    """Between workers only: the owner of this generation has released it, and another worker can continue it."""

    generation_id: UUID


BetweenWorkers = (
    SessionEnded
    | StopRequested
    | Released
    | ThreadUpdated
    | ThreadDeleted
    | ThemeChanged
    | EnterKeyChanged
    | AccountDeleted
)

Event = TypeVar("Event")

_encoder = msgspec.json.Encoder()
_inbound: msgspec.json.Decoder[Inbound] = msgspec.json.Decoder(Inbound)
_logged: msgspec.json.Decoder[Logged] = msgspec.json.Decoder(Logged)
_between_workers: msgspec.json.Decoder[BetweenWorkers] = msgspec.json.Decoder(BetweenWorkers)


def encode(frame: Frame) -> str:
    """One JSON text frame."""
    return _encoder.encode(frame).decode()


def decode_inbound(text: str | bytes) -> Inbound:
    """A tab's frame. Raises msgspec.DecodeError, or its subclass ValidationError where it is JSON of a wrong shape."""
    try:
        return _inbound.decode(text)
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None


def decode_logged(payload: str | bytes) -> Logged | None:
    """An event of a thread's log; None if this release can't read it: during a deploy a newer one also writes."""
    return _decoded(_logged, payload)


def decode_between_workers(payload: str | bytes) -> BetweenWorkers | None:
    """An event of a user's channel or of the control channel; None if this release can't read it."""
    return _decoded(_between_workers, payload)


def _decoded(decoder: msgspec.json.Decoder[Event], payload: str | bytes) -> Event | None:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, RecursionError):
        return None


def with_cursor(payload: str, cursor: object) -> str:
    """A logged event as tabs get it: the cursor is put in front of the encoded fields, nothing is encoded again."""
    return f'{{"cursor":"{cursor}",{payload[1:]}'
