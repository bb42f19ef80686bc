"""All lists of the administration, in the order of the navigation bar. Each model is listed or excused."""

from chat.models import (
    ApprovalNotice,
    LLMCallText,
    QueuedMessage,
    RecoveryCode,
    RoundItem,
    SearchEntry,
    SecondFactor,
    UserSettings,
)
from chat.web.admin.tables.accounts import AUDIT, RESETS, SESSIONS, USERS, VERIFICATIONS
from chat.web.admin.tables.chats import GENERATIONS, MESSAGES, THREADS, TOOL_CALLS
from chat.web.admin.tables.costs import CALLS, MONTHS, RESERVATIONS
from chat.web.admin.tables.invitations import INVITATIONS

TABLES = {
    table.name: table
    for table in (
        USERS,
        INVITATIONS,
        SESSIONS,
        VERIFICATIONS,
        RESETS,
        THREADS,
        MESSAGES,
        GENERATIONS,
        TOOL_CALLS,
        CALLS,
        MONTHS,
        RESERVATIONS,
        AUDIT,
    )
}

EXCUSED = {
    ApprovalNotice: "a single time",
    UserSettings: "one row per user, shown with the user",
    SecondFactor: "shown with the user as on or off; the rest is secret",
    RecoveryCode: "secret",
    LLMCallText: "private content, shown with its request; each view is recorded",
    QueuedMessage: "private content, which becomes a message when it is sent; its chat shows how many wait",
    RoundItem: "private content, of which the message and its tool calls show what people can read",
    SearchEntry: "private content, which its messages and titles show",
}
