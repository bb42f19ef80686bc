"""The audit log of administrators: rows that are only added, never changed."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model

from chat.models.accounts import EMAIL_MAX_LENGTH, IP_MAX_LENGTH, USER_AGENT_MAX_LENGTH
from chat.models.ids import uuid7


class AuditEntry(Model):
    """One change, one view of private content or one download: who, when, what, why and from where.

    The database refuses to change or delete a row, so neither side is a foreign key: the entry outlives the
    administrator, whose address it keeps, and the object, of which it keeps only the id.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    created_at = fields.DatetimeField(auto_now_add=True, db_index=True)
    actor_id = fields.UUIDField(db_index=True)
    actor_email = fields.CharField(max_length=EMAIL_MAX_LENGTH)
    action = fields.CharField(max_length=40)  # like "users.disable"
    object_id = fields.CharField(max_length=64, db_index=True)
    reason = fields.TextField(default="")
    before: fields.Field[Any] = fields.JSONField(null=True)  # the fields that changed, never a secret
    after: fields.Field[Any] = fields.JSONField(null=True)
    ip = fields.CharField(max_length=IP_MAX_LENGTH, default="")
    user_agent = fields.CharField(max_length=USER_AGENT_MAX_LENGTH, default="")

    class Meta:
        table = "audit_entry"
