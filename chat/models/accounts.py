"""Who uses the site: users, their settings, where they are logged in, and links that were mailed to them."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from chat.models.ids import uuid7

EMAIL_MAX_LENGTH = 254  # RFC 5321's longest address
THEMES = ("light", "dark", "system")


class User(Model):
    """A person, known by a lower-cased e-mail address."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    email = fields.CharField(max_length=EMAIL_MAX_LENGTH, unique=True)
    password_hash = fields.CharField(max_length=255)
    display_name = fields.CharField(max_length=100, default="")
    is_active = fields.BooleanField(default=True)
    is_staff = fields.BooleanField(default=False)
    email_verified = fields.BooleanField(default=False)
    verification_sent_at = fields.DatetimeField(null=True)
    verification_resends = fields.IntField(default=0)  # doubles the wait before the next one
    created_at = fields.DatetimeField(auto_now_add=True)
    last_seen_at = fields.DatetimeField(null=True)
    monthly_budget = fields.DecimalField(max_digits=12, decimal_places=4, null=True)  # USD; null: the site's setting

    settings: fields.OneToOneRelation[UserSettings]

    class Meta:
        table = "users"  # "user" is a reserved word


class UserSettings(Model):
    """What a user chose; made together with the user."""

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="settings", on_delete=fields.CASCADE, primary_key=True
    )
    theme = fields.CharField(max_length=10, default="system")

    class Meta:
        table = "user_settings"


class AuthSession(Model):
    """One place where a user is logged in. The cookie's token is known here by its SHA-256 only."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    token_sha256 = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.DatetimeField(auto_now_add=True)
    last_seen_at = fields.DatetimeField(auto_now_add=True)
    authenticated_at = fields.DatetimeField(auto_now_add=True)  # when the password was last asked
    ip = fields.CharField(max_length=45, default="")
    user_agent = fields.CharField(max_length=255, default="")

    user_id: object

    class Meta:
        table = "auth_session"


class EmailVerificationToken(Model):
    """A mailed link that confirms an address; single use, and only the newest of a user works."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    token_sha256 = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="verification_tokens", on_delete=fields.CASCADE, db_index=True
    )
    email = fields.CharField(max_length=EMAIL_MAX_LENGTH)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "email_verification_token"
