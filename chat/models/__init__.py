"""What is stored. One file per area; everything is imported from here."""

from chat.models.accounts import (
    DISPLAY_NAME_MAX_LENGTH,
    EMAIL_MAX_LENGTH,
    MOST_LOGIN_FAILURES,
    THEMES,
    AuthSession,
    Confirms,
    EmailVerificationToken,
    PasswordResetToken,
    RecoveryCode,
    SecondFactor,
    User,
    UserSettings,
)
from chat.models.audit import AuditEntry
from chat.models.generations import Generation, State, ToolCall, ToolState
from chat.models.threads import TITLE_MAX_LENGTH, ChatMessage, ChatThread, Role, Status, TitleBy
from chat.models.usage import FINE, BudgetReservation, LLMCallLog, LLMCallText, UserMonthlyUsage

__all__ = [
    "DISPLAY_NAME_MAX_LENGTH",
    "EMAIL_MAX_LENGTH",
    "FINE",
    "MOST_LOGIN_FAILURES",
    "THEMES",
    "TITLE_MAX_LENGTH",
    "AuditEntry",
    "AuthSession",
    "BudgetReservation",
    "ChatMessage",
    "ChatThread",
    "Confirms",
    "EmailVerificationToken",
    "Generation",
    "LLMCallLog",
    "LLMCallText",
    "PasswordResetToken",
    "RecoveryCode",
    "Role",
    "SecondFactor",
    "State",
    "Status",
    "TitleBy",
    "ToolCall",
    "ToolState",
    "User",
    "UserMonthlyUsage",
    "UserSettings",
]
