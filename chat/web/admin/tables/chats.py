"""Chats, messages and what becomes of them: figures and states. What somebody wrote is behind a recorded look."""

from __future__ import annotations

from chat.models import ChatMessage, ChatThread, Generation, Role, State, Status, ToolCall, ToolState
from chat.services.admin import commands
from chat.services.admin.grid import Action, Choice, Column, Section, Table, Value, identifier, words
from chat.web.admin.tables.columns import CREATED, EMAIL_HINT, EXACT_EMAIL, of_day, of_user, one_of, who

ALIVE = "t.state IN ('queued', 'running')"
LEASE = f"CASE WHEN {ALIVE} THEN round(extract(epoch FROM t.lease_until - now())) || ' s' END"
TOOK = "(extract(epoch FROM {} - t.created_at) * 1000)::bigint"  # milliseconds
OWN_THREAD = "t.thread_id IN (SELECT id FROM chat_thread WHERE user_id = {})"
OF_THREAD = Value("thread", "Chat", "t.thread_id = {}", identifier)
THREAD = Column("thread", "Chat", "t.thread_id", "id", link="'threads/' || t.thread_id")
LONGEST_LOOK = 200  # messages

THREADS = Table(
    name="threads",
    title="Chats",
    one="Chat",
    model=ChatThread,
    columns=(
        Column("last_message_at", "Last message (UTC)", kind="time", link="'threads/' || t.id"),
        who(),
        Column("message_count", "Messages", kind="number"),
        Column("model", "Model chosen"),
        Column("title_by", "Title by"),
        CREATED,
    ),
    details=(
        Column("archived", "Archived", kind="yes"),
        Column("rev", "Revision", kind="number"),
        Column("fence", "Fence", kind="number"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(of_user(), of_day()),
    sections=(Section("messages", "thread"), Section("generations", "thread"), Section("audit", "object")),
    text=f"""
        SELECT 'Title' AS label, title AS text FROM chat_thread WHERE id = $1
        UNION ALL (SELECT number || ', ' || role, content FROM chat_message WHERE thread_id = $1
            AND number > (SELECT max(number) - {LONGEST_LOOK} FROM chat_message WHERE thread_id = $1) ORDER BY number)
    """,  # noqa: S608 - a constant
)

MESSAGES = Table(
    name="messages",
    title="Messages",
    one="Message",
    model=ChatMessage,
    columns=(
        Column("created_at", "Created (UTC)", kind="time", link="'messages/' || t.id"),
        who("(SELECT user_id FROM chat_thread WHERE id = t.thread_id)"),
        THREAD,
        Column("number", "Number", kind="number"),
        Column("role", "Role"),
        Column("status", "Status", kind="state"),
        Column("length", "Characters", "length(t.content)", "number"),
    ),
    details=(Column("token_count", "Tokens", kind="number"),),
    search=OWN_THREAD.replace("{}", EXACT_EMAIL),
    search_hint=EMAIL_HINT,
    filters=(OF_THREAD, one_of("role", "Role", Role), one_of("status", "Status", Status)),
    sections=(Section("generations", "answer"), Section("audit", "object")),
    text="""
        SELECT 'Text' AS label, content AS text FROM chat_message WHERE id = $1
        UNION ALL SELECT 'Error', error FROM chat_message WHERE id = $1 AND error <> ''
    """,
)

GENERATIONS = Table(
    name="generations",
    title="Replies",
    one="Reply",
    model=Generation,
    columns=(
        Column("created_at", "Asked (UTC)", kind="time", link="'generations/' || t.id"),
        who("(SELECT user_id FROM chat_thread WHERE id = t.thread_id)"),
        Column("state", "State", kind="state"),
        Column("model", "Model"),
        Column("took", "Age or duration", TOOK.format("coalesce(t.finished_at, now())"), "ms"),
        Column("owner", "Owner", kind="code"),
        Column("lease", "Lease left", LEASE),
        Column("reason", "Reason"),
    ),
    details=(
        THREAD,
        Column("answer", "Answer", "t.answer_id", "id", link="'messages/' || t.answer_id"),
        Column("question", "Question", "t.user_message_id", "id", link="'messages/' || t.user_message_id"),
        Column("attempt", "Attempt", kind="number"),
        Column("continues", "Continues the one before", kind="yes"),
        Column("takeovers", "Taken over", kind="number"),
        Column("fence", "Fence", kind="number"),
        Column("background", "In the background", kind="yes"),
        Column("response_id", "The provider's id", kind="code"),
        Column("partial_len", "Characters so far", kind="number"),
        Column("request_at", "Sent (UTC)", kind="time"),
        Column("cancel_at", "Stop asked (UTC)", kind="time"),
        Column("finished_at", "Ended (UTC)", kind="time"),
    ),
    search=OWN_THREAD.replace("{}", EXACT_EMAIL),
    search_hint=EMAIL_HINT,
    filters=(
        Choice("state", "State", {"alive": ALIVE} | {str(one): f"t.state = '{one}'" for one in State}),
        Value("model", "Model", "t.model = {}", words, "text"),
        of_day(),
        OF_THREAD,
        Value("answer", "Answer", "t.answer_id = {}", identifier),
        of_user(OWN_THREAD),
    ),
    sections=(Section("calls", "generation"), Section("tool_calls", "generation"), Section("audit", "object")),
    actions=(
        Action(
            "stop", "Stop it", "The answer ends as if its user had stopped it: what there is stays.",
            commands.stop, lambda row: row["state"] in (State.QUEUED, State.RUNNING), is_danger=True,
        ),
    ),
)  # fmt: skip

TOOL_CALLS = Table(
    name="tool_calls",
    title="Tool calls",
    one="Tool call",
    model=ToolCall,
    columns=(
        Column("created_at", "Called (UTC)", kind="time", link="'tool_calls/' || t.id"),
        Column("name", "Tool", kind="code"),
        Column("state", "State", kind="state"),
        Column("round", "Round", kind="number"),
        Column("took", "Duration", TOOK.format("t.finished_at"), "ms"),
        Column("generation", "Reply", "t.generation_id", "id", link="'generations/' || t.generation_id"),
    ),
    details=(Column("token_count", "Tokens", kind="number"), Column("call_id", "The model's id", kind="code")),
    filters=(
        one_of("state", "State", ToolState),
        Value("name", "Tool", "t.name = {}", words, "text"),
        Value("generation", "Reply", "t.generation_id = {}", identifier),
    ),
    sections=(Section("audit", "object"),),
    text="""
        SELECT 'Arguments' AS label, arguments AS text FROM tool_call WHERE id = $1
        UNION ALL SELECT 'Output', output FROM tool_call WHERE id = $1
    """,
)
