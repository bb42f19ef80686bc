"""Chats, messages, replies and tool calls: figures and states. Each view of their text is recorded."""

from __future__ import annotations

from chat.models import ALIVE_SQL, ChatMessage, ChatThread, Generation, Role, State, Status, ToolCall, ToolState
from chat.services.admin import commands
from chat.services.admin.grid import Action, ChoiceFilter, Column, Section, Table, ValueFilter, as_text, identifier
from chat.web.admin.tables.columns import CREATED, EMAIL_HINT, EXACT_EMAIL, by_day, by_user, one_of, user_column

ALIVE = f"t.state IN {ALIVE_SQL}"
LEASE = f"CASE WHEN {ALIVE} THEN round(extract(epoch FROM t.lease_until - now())) || ' s' END"
TOOK = "(extract(epoch FROM {} - t.created_at) * 1000)::bigint"  # milliseconds
OWN_THREAD = "t.thread_id IN (SELECT id FROM chat_thread WHERE user_id = {} AND deleted_at IS NULL)"
# A chat that its user has deleted is gone here too; its rows are deleted some seconds later.
NOT_DELETED = "t.{} NOT IN (SELECT id FROM chat_thread WHERE deleted_at IS NOT NULL)"
BY_THREAD = ValueFilter("thread", "Chat", "t.thread_id = {}", identifier)
THREAD = Column("thread", "Chat", "t.thread_id", "id", link="'threads/' || t.thread_id")
WAITING = "(SELECT count(*) FROM queued_message WHERE thread_id = t.id)"
# Its place among the messages with the same parent.
VERSION = """
(SELECT count(*) FROM chat_message o WHERE o.parent_id = t.parent_id AND o.number <= t.number)
+ (SELECT count(*) FROM chat_message o
   WHERE t.parent_id IS NULL AND o.thread_id = t.thread_id AND o.parent_id IS NULL AND o.number <= t.number)
"""
MOST_SHOWN = 200  # messages

THREADS = Table(
    name="threads",
    title="Chats",
    singular="Chat",
    model=ChatThread,
    columns=(
        Column("last_message_at", "Last message (UTC)", kind="time", link="'threads/' || t.id"),
        user_column(),
        Column("message_count", "Messages", kind="number"),
        Column("model", "Model"),
        Column("title_by", "Title by"),
        CREATED,
    ),
    condition="t.deleted_at IS NULL",
    details=(
        Column("archived", "Archived", kind="yes"),
        Column("pinned", "Pinned", kind="yes"),
        Column("head", "Shown up to", "t.head_id", "id", link="'messages/' || t.head_id"),
        Column("forked_from", "Branched from", "t.forked_from_id", "id", link="'threads/' || t.forked_from_id"),
        Column("rev", "Revision", kind="number"),
        Column("fence", "Fence", kind="number"),
        Column("queued", "Waiting messages", WAITING, "number"),
        Column("queue_paused", "Queue"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(by_user(), by_day()),
    sections=(Section("messages", "thread"), Section("generations", "thread"), Section("audit", "object")),
    text=f"""
        SELECT 'Title' AS label, title AS text FROM chat_thread WHERE id = $1 AND deleted_at IS NULL
        UNION ALL (SELECT 'Message ' || number || ' (' || role || ')', content FROM chat_message WHERE thread_id = $1
            AND number > (SELECT max(number) - {MOST_SHOWN} FROM chat_message WHERE thread_id = $1) ORDER BY number)
    """,  # noqa: S608 - a constant
)

MESSAGES = Table(
    name="messages",
    title="Messages",
    singular="Message",
    model=ChatMessage,
    columns=(
        Column("created_at", "Created (UTC)", kind="time", link="'messages/' || t.id"),
        user_column("(SELECT user_id FROM chat_thread WHERE id = t.thread_id)"),
        THREAD,
        Column("number", "Number", kind="number"),
        Column("version", "Version", VERSION, "number"),
        Column("role", "Role"),
        Column("status", "Status", kind="state"),
        Column("length", "Characters", "length(t.content)", "number"),
    ),
    condition=NOT_DELETED.format("thread_id"),
    details=(
        Column("parent", "After", "t.parent_id", "id", link="'messages/' || t.parent_id"),
        Column("token_count", "Tokens", kind="number"),
        Column("reasoning_ms", "Thinking", kind="ms"),
    ),
    search=OWN_THREAD.replace("{}", EXACT_EMAIL),
    search_hint=EMAIL_HINT,
    filters=(BY_THREAD, one_of("role", "Role", Role), one_of("status", "Status", Status)),
    sections=(Section("generations", "answer"), Section("audit", "object")),
    text="""
        SELECT 'Text' AS label, content AS text FROM chat_message WHERE id = $1
        UNION ALL SELECT 'Reasoning', reasoning FROM chat_message WHERE id = $1 AND reasoning <> ''
        UNION ALL SELECT 'Error', error FROM chat_message WHERE id = $1 AND error <> ''
    """,
)

GENERATIONS = Table(
    name="generations",
    title="Replies",
    singular="Reply",
    model=Generation,
    columns=(
        Column("created_at", "Requested (UTC)", kind="time", link="'generations/' || t.id"),
        user_column("(SELECT user_id FROM chat_thread WHERE id = t.thread_id)"),
        Column("state", "State", kind="state"),
        Column("model", "Model"),
        Column("took", "Duration", TOOK.format("coalesce(t.finished_at, now())"), "ms"),
        Column("owner", "Worker", kind="code"),
        Column("lease", "Lease left", LEASE),
        Column("reason", "Reason"),
    ),
    condition=NOT_DELETED.format("thread_id"),
    details=(
        THREAD,
        Column("answer", "Answer", "t.answer_id", "id", link="'messages/' || t.answer_id"),
        Column("question", "Question", "t.user_message_id", "id", link="'messages/' || t.user_message_id"),
        Column("attempt", "Attempt", kind="number"),
        Column("continues", "Continuation", kind="yes"),
        Column("takeovers", "Takeovers", kind="number"),
        Column("fence", "Fence", kind="number"),
        Column("background", "Background", kind="yes"),
        Column("response_id", "Response ID", kind="code"),
        Column("partial_len", "Characters so far", kind="number"),
        Column("request_at", "Sent (UTC)", kind="time"),
        Column("cancel_at", "Stop requested (UTC)", kind="time"),
        Column("finished_at", "Ended (UTC)", kind="time"),
    ),
    search=OWN_THREAD.replace("{}", EXACT_EMAIL),
    search_hint=EMAIL_HINT,
    filters=(
        ChoiceFilter("state", "State", {"alive": ALIVE} | {str(one): f"t.state = '{one}'" for one in State}),
        ValueFilter("model", "Model", "t.model = {}", as_text, "text"),
        by_day(),
        BY_THREAD,
        ValueFilter("answer", "Answer", "t.answer_id = {}", identifier),
        by_user(OWN_THREAD),
    ),
    sections=(Section("calls", "generation"), Section("tool_calls", "generation"), Section("audit", "object")),
    actions=(
        Action(
            "stop", "Stop reply", "The answer ends as if the user had stopped it. Its text so far stays.",
            commands.stop, lambda row: row["state"] in (State.QUEUED, State.RUNNING), is_danger=True,
        ),
    ),
)  # fmt: skip

TOOL_CALLS = Table(
    name="tool_calls",
    title="Tool calls",
    singular="Tool call",
    model=ToolCall,
    columns=(
        Column("created_at", "Called (UTC)", kind="time", link="'tool-calls/' || t.id"),
        Column("name", "Tool", kind="code"),
        Column("state", "State", kind="state"),
        Column("round", "Round", kind="number"),
        Column("took", "Duration", TOOK.format("t.finished_at"), "ms"),
        Column("generation", "Reply", "t.generation_id", "id", link="'generations/' || t.generation_id"),
    ),
    condition="""t.generation_id NOT IN (SELECT g.id FROM chat_thread d JOIN generation g ON g.thread_id = d.id
        WHERE d.deleted_at IS NOT NULL)""",
    details=(Column("token_count", "Tokens", kind="number"), Column("call_id", "Call ID", kind="code")),
    filters=(
        one_of("state", "State", ToolState),
        ValueFilter("name", "Tool", "t.name = {}", as_text, "text"),
        ValueFilter("generation", "Reply", "t.generation_id = {}", identifier),
    ),
    sections=(Section("audit", "object"),),
    text="""
        SELECT 'Input' AS label, arguments AS text FROM tool_call WHERE id = $1
        UNION ALL SELECT 'Output', output FROM tool_call WHERE id = $1
    """,
)
