"""Invitations, and when administrators were told about accounts waiting for approval."""

from __future__ import annotations

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from chat.models.accounts import EMAIL_MAX_LENGTH, User
from chat.models.ids import uuid7


class Invitation(Model):
    """A link that lets people sign up: one with this address, or several with any address. Only its hash is stored.

    It works while it has uses left, is neither expired nor revoked, and its maker still is an administrator. Those of
    the command line have no maker. With the maker's account it is deleted. `User.invitation` says who accepted it.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    token_sha256 = fields.CharField(max_length=64, unique=True)
    maker: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="invitations", on_delete=fields.CASCADE, null=True, db_index=True
    )
    email = fields.CharField(max_length=EMAIL_MAX_LENGTH, default="")  # empty: for people with any address
    is_mailed = fields.BooleanField(default=False)  # then only the owner of the address has the link
    uses = fields.IntField(default=1)
    uses_left = fields.IntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    maker_id: UUID | None

    class Meta:
        table = "invitation"


class ApprovalNotice(Model):
    """One row: when administrators were last emailed about accounts waiting for approval."""

    id = fields.IntField(primary_key=True)
    sent_at = fields.DatetimeField()

    class Meta:
        table = "approval_notice"
