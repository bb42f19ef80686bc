"""What the model's calls cost."""

from __future__ import annotations

from chat.llm.events import Code
from chat.models import FINE, BudgetReservation, LLMCallLog, UserMonthlyUsage
from chat.services.admin.grid import (
    Choice,
    Column,
    Section,
    Sort,
    Table,
    Value,
    figure,
    identifier,
    month,
    start,
    words,
)
from chat.web.admin.tables.columns import EMAIL_HINT, EXACT_EMAIL, of_day, of_user, who, yes_no

# As `index llm_call_log_by_model` has it: a call that failed before its first event has only the model that was asked.
MODEL = "coalesce(nullif(t.model, ''), t.model_asked)"
STATUSES = {
    "any error": f"t.status NOT IN {FINE}",
    **{one: f"t.status = '{one}'" for one in (*FINE, "empty", "invalid", "lost", *Code)},
}
LATELY = "t.created_at > now() - interval '7 days'"
THIS_MONTH = "t.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date"

CALLS = Table(
    name="calls",
    title="Calls",
    one="Model call",
    model=LLMCallLog,
    columns=(
        Column("created_at", "Ended (UTC)", kind="time", link="'calls/' || t.id"),
        who(),
        Column("model", "Model", MODEL),
        Column("status", "Status", kind="state"),
        Column("input_tokens", "Tokens in", kind="number"),
        Column("output_tokens", "Tokens out", kind="number"),
        Column("cost", "Cost", kind="usd"),
        Column("estimated", "Estimated", kind="yes"),
        Column("duration_ms", "Duration", kind="ms"),
    ),
    details=(
        Column("first_event_ms", "Until the first event", kind="ms"),
        Column("caller", "Caller"),
        Column("round", "Round", kind="number"),
        Column("model_asked", "Model asked"),
        Column("uncertain", "Uncertain whether it ran", kind="yes"),
        Column("attempts", "Attempts", kind="number"),
        Column("cached_tokens", "Tokens in, from the cache", kind="number"),
        Column("cache_write_tokens", "Tokens in, to the cache", kind="number"),
        Column("reasoning_tokens", "Tokens out, of reasoning", kind="number"),
        Column("total_tokens", "Tokens in all", kind="number"),
        Column("schema_name", "Schema"),
        Column("generation_id", "Reply", "t.generation_id", "id", link="'generations/' || t.generation_id"),
        Column("call_id", "Id of all its rounds", kind="code"),
        Column("response_id", "The provider's id", kind="code"),
        Column("request_id", "The request's id", kind="code"),
        Column("input_sha256", "SHA-256 of what was sent", kind="code"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(
        Choice("status", "Status", STATUSES),
        yes_no("estimated", "Estimated"),
        Choice("price", "Cost", {"known": "t.cost IS NOT NULL", "unknown": "t.cost IS NULL"}),
        Value("model", "Model", f"{MODEL} = {{}}", words, "text"),
        of_day(),
        Value("since", "Since (UTC)", "t.created_at >= {}", start, "date"),
        of_user(),
        Value("generation", "Reply", "t.generation_id = {}", identifier),
    ),
    sorts=(
        Sort("newest", "Newest first"),
        Sort("cost", "Dearest of 7 days", "coalesce(t.cost, 0)", figure, among=LATELY),
        Sort("slow", "Slowest of 7 days", "t.duration_ms::numeric", figure, among=LATELY),
    ),
    sections=(
        Section("calls", "generation", of="generation_id"),
        Section("tool_calls", "generation", of="generation_id"),
        Section("audit", "object"),
    ),
    text="""
        SELECT 'What was sent' AS label, jsonb_pretty(input) AS text FROM llm_call_text
        WHERE call_id = $1 AND input IS NOT NULL
        UNION ALL SELECT 'What was received', output FROM llm_call_text WHERE call_id = $1
        UNION ALL SELECT 'Error', error FROM llm_call_log WHERE id = $1 AND error <> ''
    """,
)

MONTHS = Table(
    name="months",
    title="Months",
    one="Month of a user",
    model=UserMonthlyUsage,
    columns=(
        Column("month", "Month", "to_char(t.month, 'YYYY-MM')", link="'months/' || t.id"),
        who(),
        Column("calls", "Calls", kind="number"),
        Column("unpriced_calls", "Of unknown cost", kind="number"),
        Column("input_tokens", "Tokens in", kind="number"),
        Column("output_tokens", "Tokens out", kind="number"),
        Column("cost", "Cost", kind="usd"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(Value("month", "Month", "t.month = {}", month, "month"), of_user()),
    sorts=(Sort("newest", "Newest first"), Sort("cost", "Dearest this month", "t.cost", figure, among=THIS_MONTH)),
)

RESERVATIONS = Table(
    name="reservations",
    title="Kept back",
    one="Amount kept back",
    model=BudgetReservation,
    columns=(
        Column("expires_at", "At the latest until (UTC)", kind="time", link="'reservations/' || t.id"),
        who(),
        Column("amount", "Amount", kind="usd"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(of_user(),),
)
