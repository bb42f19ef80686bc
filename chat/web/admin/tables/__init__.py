"""Every table of the administration, in the order of its navigation; each model is here or excused."""

from chat.models import LLMCallText, RecoveryCode, SecondFactor, UserSettings
from chat.web.admin.tables.accounts import AUDIT, RESETS, SESSIONS, USERS, VERIFICATIONS
from chat.web.admin.tables.chats import GENERATIONS, MESSAGES, THREADS, TOOL_CALLS
from chat.web.admin.tables.costs import CALLS, MONTHS, RESERVATIONS

TABLES = {
    table.name: table
    for table in (
        USERS,
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
    UserSettings: "one row a user, shown with the user",
    SecondFactor: "shown with the user: on or off; the rest is a secret",
    RecoveryCode: "secrets",
    LLMCallText: "text: shown with its call, behind a recorded look",
}
