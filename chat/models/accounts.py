"""Users: their settings, sessions, emailed links and two-factor authentication."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields, timezone
from tortoise.models import Model

from chat.models.ids import uuid7
from chat.settings import MODEL_MAX_LENGTH

if TYPE_CHECKING:
    from chat.models.sign_up import Invitation

EMAIL_MAX_LENGTH = 254  # RFC 5321's longest address
DISPLAY_NAME_MAX_LENGTH = 100
IP_MAX_LENGTH, USER_AGENT_MAX_LENGTH = 45, 255
MOST_LOGIN_FAILURES = 100  # in a row
THEMES = ("light", "dark", "system")
ENTER_KEYS = ("auto", "send", "newline")  # auto: a new line where there is no hardware keyboard


class User(Model):
    """A person, identified by a lower-case email address."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    email = fields.CharField(max_length=EMAIL_MAX_LENGTH, unique=True)
    password_hash = fields.CharField(max_length=255)
    # Of the latest sign-up with this address, even if it had an account then. See `Accounts.log_in`.
    sign_up_hash = fields.CharField(max_length=255, null=True)
    display_name = fields.CharField(max_length=DISPLAY_NAME_MAX_LENGTH, default="")
    is_active = fields.BooleanField(default=True)
    is_staff = fields.BooleanField(default=False)
    email_verified = fields.BooleanField(default=False)
    login_failures = fields.IntField(default=0)  # wrong passwords since the last correct one
    verification_sent_at = fields.DatetimeField(null=True)
    verification_resends = fields.IntField(default=0)  # doubles the wait before the next one
    created_at = fields.DatetimeField(auto_now_add=True)
    last_seen_at = fields.DatetimeField(null=True)
    monthly_budget = fields.DecimalField(max_digits=12, decimal_places=4, null=True)  # USD; null: the site's setting
    # Null while the account waits for approval, and after it was declined.
    approved_at: datetime | None = fields.DatetimeField(null=True, default=timezone.now)
    declined_at = fields.DatetimeField(null=True)
    is_announced = fields.BooleanField(default=False)  # administrators were told that this user waits
    invitation: fields.ForeignKeyNullableRelation[Invitation] = fields.ForeignKeyField(
        "models.Invitation", related_name="users", on_delete=fields.SET_NULL, null=True, db_index=True
    )

    settings: fields.OneToOneRelation[UserSettings]
    invitation_id: UUID | None

    class Meta:
        table = "users"  # "user" is a reserved word

    @property
    def waits(self) -> bool:
        """Whether an administrator has yet to approve the account."""
        return self.approved_at is None

    @property
    def needs_reset(self) -> bool:
        """Whether too many wrong passwords were tried: only a new password, by email, unlocks the account."""
        return self.login_failures >= MOST_LOGIN_FAILURES


class UserSettings(Model):
    """A user's preferences; created together with the user."""

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="settings", on_delete=fields.CASCADE, primary_key=True
    )
    theme = fields.CharField(max_length=10, default="system")
    model = fields.CharField(max_length=MODEL_MAX_LENGTH, default="")  # of new threads; empty: the site's first
    enter_key = fields.CharField(max_length=10, default="auto")

    class Meta:
        table = "user_settings"


class AuthSession(Model):
    """One login of a user. Only the SHA-256 of the cookie's token is stored."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    token_sha256 = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.DatetimeField(auto_now_add=True)
    last_seen_at = fields.DatetimeField(auto_now_add=True)
    authenticated_at = fields.DatetimeField(auto_now_add=True)  # when the password was last entered
    ip = fields.CharField(max_length=IP_MAX_LENGTH, default="")
    user_agent = fields.CharField(max_length=USER_AGENT_MAX_LENGTH, default="")
    remembered = fields.BooleanField(default=True)  # otherwise the cookie ends with the browser

    user_id: UUID
    found_at: datetime  # by the database's clock, if found by its token; not a column

    class Meta:
        table = "auth_session"


class Confirms(StrEnum):
    """The purpose for which an emailed link confirms its address."""

    SIGN_UP = "sign_up"
    CHANGE = "change"  # the user's address becomes this one


class EmailVerificationToken(Model):
    """An emailed link that confirms an address; single use, and only a user's newest link works."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    token_sha256 = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="verification_tokens", on_delete=fields.CASCADE, db_index=True
    )
    email = fields.CharField(max_length=EMAIL_MAX_LENGTH)
    confirms = fields.CharEnumField(Confirms, max_length=10, default=Confirms.SIGN_UP)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    user_id: UUID

    class Meta:
        table = "email_verification_token"


class PasswordResetToken(Model):
    """An emailed link for a new password; single use, only a user's newest link works, and only for this address."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    token_sha256 = fields.CharField(max_length=64, unique=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="reset_token", on_delete=fields.CASCADE
    )
    email = fields.CharField(max_length=EMAIL_MAX_LENGTH)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    user_id: UUID

    class Meta:
        table = "password_reset_token"


# The rest of the code calls it two_factor. The class keeps its name: a migration for a renamed one drops the table.
class SecondFactor(Model):
    """The authenticator app that shows a user's login codes.

    The shared secret is derived from SECRET_KEY and `nonce`, so the table alone reveals no code. A login requires a
    code once `confirmed_at` is set; `last_step` is the newest time step whose code was used, and is not accepted again.
    `key_change` is the derived secret XOR the real one if SECRET_KEY has changed since the set-up: random without keys.
    """

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="second_factor", on_delete=fields.CASCADE, primary_key=True
    )
    nonce = fields.CharField(max_length=64)
    confirmed_at = fields.DatetimeField(null=True)
    last_step = fields.BigIntField(default=0)
    key_change = fields.BinaryField(null=True)

    user_id: UUID

    class Meta:
        table = "second_factor"


class RecoveryCode(Model):
    """Replaces a code once, for users who lost the app. Random, so its SHA-256 needs no salt."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="recovery_codes", on_delete=fields.CASCADE, db_index=True
    )
    code_sha256 = fields.CharField(max_length=64)

    user_id: UUID

    class Meta:
        table = "recovery_code"
        unique_together = (("user_id", "code_sha256"),)
