"""What the model cost: a row for each call, the sum of each user's month, and what running calls may still cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.models import Model

from chat.models.ids import uuid7

if TYPE_CHECKING:
    from chat.models.accounts import User
    from chat.models.generations import Generation

# Prices are given in USD for a million tokens, with at most six decimals: so this is exact.
DIGITS, DECIMALS = 20, 12
FINE = ("completed", "incomplete", "refused", "stopped")  # how a call can end without an error


class LLMCallLog(Model):
    """One round with the provider; it outlives its user, without a name.

    `estimated`: the tokens were counted here, because the call ran and ended without a usage report. `uncertain`: it
    is not known whether the provider ran the call. `cost` is in USD; null is "unknown", never zero. The rounds of one
    call share a `call_id`, which is the generation's id for a reply.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    generation: fields.ForeignKeyNullableRelation[Generation] = fields.ForeignKeyField(
        "models.Generation", related_name="calls", on_delete=fields.SET_NULL, null=True
    )
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="calls", on_delete=fields.SET_NULL, null=True
    )
    call_id = fields.UUIDField(null=True)
    round = fields.IntField(default=1)
    response_id = fields.CharField(max_length=128, null=True, unique=True)
    request_id = fields.CharField(max_length=128, default="")
    caller = fields.CharField(max_length=40, default="chat")
    model_asked = fields.CharField(max_length=100)
    model = fields.CharField(max_length=100, default="")
    schema_name = fields.CharField(max_length=64, default="")
    input_sha256 = fields.CharField(max_length=64, default="")  # of instructions and input as they were sent
    status = fields.CharField(max_length=20)
    error = fields.TextField(default="")
    input_tokens = fields.IntField(default=0)
    cached_tokens = fields.IntField(default=0)
    cache_write_tokens = fields.IntField(default=0)
    output_tokens = fields.IntField(default=0)
    reasoning_tokens = fields.IntField(default=0)
    total_tokens = fields.IntField(default=0)
    cost = fields.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS, null=True)
    estimated = fields.BooleanField(default=False)
    uncertain = fields.BooleanField(default=False)
    attempts = fields.IntField(default=1)
    duration_ms = fields.IntField(default=0)
    first_event_ms = fields.IntField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "llm_call_log"
        unique_together = (("generation_id", "round"),)
        indexes = (("user_id", "created_at"),)


class LLMCallText(Model):
    """What was said in a call. Unlike the figures it goes with its user or thread: the database sees to that."""

    call: fields.OneToOneRelation[LLMCallLog] = fields.OneToOneField(
        "models.LLMCallLog", related_name="text", on_delete=fields.CASCADE, primary_key=True
    )
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="call_texts", on_delete=fields.CASCADE, null=True, db_index=True
    )
    generation: fields.ForeignKeyNullableRelation[Generation] = fields.ForeignKeyField(
        "models.Generation", related_name="call_texts", on_delete=fields.CASCADE, null=True, db_index=True
    )
    input: fields.Field[Any] = fields.JSONField(null=True)  # what was sent, only where LLM_LOG_TEXT is on
    output = fields.TextField(default="")  # everything that was received

    class Meta:
        table = "llm_call_text"


class UserMonthlyUsage(Model):
    """The sum of a user's calls in one calendar month (UTC); `month` is its first day. It outlives its user too.

    `cost` is the sum of what is known; of `unpriced_calls` calls it is not.
    """

    id = fields.UUIDField(primary_key=True, default=uuid7)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="months", on_delete=fields.SET_NULL, null=True
    )
    month = fields.DateField()
    calls = fields.IntField(default=0)
    unpriced_calls = fields.IntField(default=0)
    input_tokens = fields.BigIntField(default=0)
    output_tokens = fields.BigIntField(default=0)
    total_tokens = fields.BigIntField(default=0)
    cost = fields.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS, default=0)

    class Meta:
        table = "user_monthly_usage"
        unique_together = (("user_id", "month"),)


class BudgetReservation(Model):
    """The most that a running call can cost, kept back from its user's budget until it ends.

    Its id is the call's. `expires_at` is for calls whose worker died: no call runs that long.
    """

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="reservations", on_delete=fields.CASCADE, db_index=True
    )
    amount = fields.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "budget_reservation"
