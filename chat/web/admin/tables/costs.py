"""Model requests, monthly usage and budget reservations."""

from __future__ import annotations

from chat.llm.advice import ADVICE
from chat.llm.events import Code
from chat.models import CURRENT_MONTH_SQL, FINE, BudgetReservation, LLMCallLog, UserMonthlyUsage
from chat.services.admin.grid import (
    ChoiceFilter,
    Column,
    Section,
    Sort,
    Table,
    ValueFilter,
    as_text,
    decimal_key,
    identifier,
    month,
    since,
)
from chat.web.admin.tables.columns import EMAIL_HINT, EXACT_EMAIL, by_day, by_user, user_column, yes_no

# As the index llm_call_log_by_model has it. A request that failed before its first event has only `model_asked`.
MODEL = "coalesce(nullif(t.model, ''), t.model_asked)"
STATUSES = {
    "any error": f"t.status NOT IN {FINE}",
    **{one: f"t.status = '{one}'" for one in (*FINE, "empty", "invalid", "lost", *Code)},
}
_ADVICE = {code: advice.replace("'", "''") for code, advice in ADVICE.items()}
_CASES = " ".join(f"WHEN '{code}' THEN '{advice}'" for code, advice in _ADVICE.items())
ADVISED = f"CASE t.status {_CASES} END"
LAST_7_DAYS = "t.created_at > now() - interval '7 days'"
THIS_MONTH = f"t.month = {CURRENT_MONTH_SQL}"

CALLS = Table(
    name="calls",
    title="Model requests",
    singular="Model request",
    model=LLMCallLog,
    columns=(
        Column("created_at", "Ended (UTC)", kind="time", link="'calls/' || t.id"),
        user_column(),
        Column("model", "Model", MODEL),
        Column("status", "Status", kind="state"),
        Column("input_tokens", "Input tokens", kind="number"),
        Column("output_tokens", "Output tokens", kind="number"),
        Column("cost", "Cost", kind="usd"),
        Column("estimated", "Estimated", kind="yes"),
        Column("duration_ms", "Duration", kind="ms"),
    ),
    details=(
        Column("advice", "What to do", ADVISED),
        Column("first_event_ms", "Time to first token", kind="ms"),
        Column("caller", "Caller"),
        Column("round", "Round", kind="number"),
        Column("model_asked", "Requested model"),
        Column("provider", "Provider"),
        Column("service_tier", "Service tier"),
        Column("uncertain", "Unknown whether it ran", kind="yes"),
        Column("attempts", "Attempts", kind="number"),
        Column("cached_tokens", "Cached input tokens", kind="number"),
        Column("cache_write_tokens", "Cache write tokens", kind="number"),
        Column("reasoning_tokens", "Reasoning tokens", kind="number"),
        Column("total_tokens", "Total tokens", kind="number"),
        Column("schema_name", "Schema"),
        Column("generation_id", "Reply", "t.generation_id", "id", link="'generations/' || t.generation_id"),
        Column("call_id", "Call ID (same for all rounds)", kind="code"),
        Column("response_id", "Response ID", kind="code"),
        Column("request_id", "Request ID", kind="code"),
        Column("input_sha256", "SHA-256 of the input", kind="code"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(
        ChoiceFilter("status", "Status", STATUSES),
        yes_no("estimated", "Estimated"),
        ChoiceFilter("price", "Cost", {"known": "t.cost IS NOT NULL", "unknown": "t.cost IS NULL"}),
        ValueFilter("model", "Model", f"{MODEL} = {{}}", as_text, "text"),
        by_day(),
        ValueFilter("since", "Since (UTC)", "t.created_at >= {}", since, "date"),
        by_user(),
        ValueFilter("generation", "Reply", "t.generation_id = {}", identifier),
    ),
    sorts=(
        Sort("newest", "Newest first"),
        Sort("cost", "Highest cost, last 7 days", "coalesce(t.cost, 0)", decimal_key, condition=LAST_7_DAYS),
        Sort("slow", "Slowest, last 7 days", "t.duration_ms::numeric", decimal_key, condition=LAST_7_DAYS),
    ),
    sections=(
        Section("calls", "generation", of="generation_id"),
        Section("tool_calls", "generation", of="generation_id"),
        Section("audit", "object"),
    ),
    text="""
        SELECT 'Sent' AS label, jsonb_pretty(input) AS text FROM llm_call_text
        WHERE call_id = $1 AND input IS NOT NULL
        UNION ALL SELECT 'Received', output FROM llm_call_text WHERE call_id = $1
        UNION ALL SELECT 'Error', error FROM llm_call_log WHERE id = $1 AND error <> ''
    """,
)

MONTHS = Table(
    name="months",
    title="Monthly usage",
    singular="Monthly usage",
    model=UserMonthlyUsage,
    columns=(
        Column("month", "Month", "to_char(t.month, 'YYYY-MM')", link="'months/' || t.id"),
        user_column(),
        Column("calls", "Requests", kind="number"),
        Column("unpriced_calls", "Unpriced requests", kind="number"),
        Column("input_tokens", "Input tokens", kind="number"),
        Column("output_tokens", "Output tokens", kind="number"),
        Column("cost", "Cost", kind="usd"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(ValueFilter("month", "Month", "t.month = {}", month, "month"), by_user()),
    sorts=(
        Sort("newest", "Newest first"),
        Sort("cost", "Highest cost, this month", "t.cost", decimal_key, condition=THIS_MONTH),
    ),
)

RESERVATIONS = Table(
    name="reservations",
    title="Reservations",
    singular="Reservation",
    model=BudgetReservation,
    columns=(
        Column("expires_at", "Expires (UTC)", kind="time", link="'reservations/' || t.id"),
        user_column(),
        Column("amount", "Reserved amount", kind="usd"),
    ),
    search=f"t.user_id = {EXACT_EMAIL}",
    search_hint=EMAIL_HINT,
    filters=(by_user(),),
)
