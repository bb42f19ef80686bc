"""What the model cost: a row for each call, and the sum of each user's month. Both outlive the user, without a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

from chat.models.ids import uuid7

if TYPE_CHECKING:
    from chat.models.accounts import User
    from chat.models.generations import Generation


class LLMCallLog(Model):
    """One round with the provider.

    `estimated`: the tokens were counted here, because the call ran and ended without a usage report. `uncertain`: it
    is not known whether the provider ran the call. `cost` is in USD; null is "unknown", never zero.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    generation: fields.ForeignKeyNullableRelation[Generation] = fields.ForeignKeyField(
        "models.Generation", related_name="calls", on_delete=fields.SET_NULL, null=True
    )
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="calls", on_delete=fields.SET_NULL, null=True
    )
    round = fields.IntField(default=1)
    response_id = fields.CharField(max_length=128, null=True, unique=True)
    request_id = fields.CharField(max_length=128, default="")
    caller = fields.CharField(max_length=40, default="chat")
    model_asked = fields.CharField(max_length=100)
    model = fields.CharField(max_length=100, default="")
    status = fields.CharField(max_length=20)
    error = fields.TextField(default="")
    input_tokens = fields.IntField(default=0)
    cached_tokens = fields.IntField(default=0)
    cache_write_tokens = fields.IntField(default=0)
    output_tokens = fields.IntField(default=0)
    reasoning_tokens = fields.IntField(default=0)
    total_tokens = fields.IntField(default=0)
    cost = fields.DecimalField(max_digits=16, decimal_places=10, null=True)
    estimated = fields.BooleanField(default=False)
    uncertain = fields.BooleanField(default=False)
    attempts = fields.IntField(default=1)
    duration_ms = fields.IntField(default=0)
    first_event_ms = fields.IntField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "llm_call_log"
        unique_together = (("generation_id", "round"),)
        indexes = (("user_id", "created_at"), ("created_at",))


class UserMonthlyUsage(Model):
    """The sum of a user's calls in one calendar month (UTC); `month` is its first day."""

    id = fields.UUIDField(primary_key=True, default=uuid7)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="months", on_delete=fields.SET_NULL, null=True
    )
    month = fields.DateField()
    calls = fields.IntField(default=0)
    input_tokens = fields.BigIntField(default=0)
    output_tokens = fields.BigIntField(default=0)
    total_tokens = fields.BigIntField(default=0)
    cost = fields.DecimalField(max_digits=18, decimal_places=10, default=0)

    class Meta:
        table = "user_monthly_usage"
        unique_together = (("user_id", "month"),)
