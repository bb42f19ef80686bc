"""What is stored. One file per area; everything is imported from here."""

from chat.models.accounts import EMAIL_MAX_LENGTH, THEMES, AuthSession, EmailVerificationToken, User, UserSettings
from chat.models.generations import Generation, State, ToolCall, ToolState
from chat.models.threads import TITLE_MAX_LENGTH, ChatMessage, ChatThread, Role, Status
from chat.models.usage import LLMCallLog, UserMonthlyUsage

__all__ = [
    "EMAIL_MAX_LENGTH",
    "THEMES",
    "TITLE_MAX_LENGTH",
    "AuthSession",
    "ChatMessage",
    "ChatThread",
    "EmailVerificationToken",
    "Generation",
    "LLMCallLog",
    "Role",
    "State",
    "Status",
    "ToolCall",
    "ToolState",
    "User",
    "UserMonthlyUsage",
    "UserSettings",
]
