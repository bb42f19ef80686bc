"""The usage ledger: a row per model request, each user's monthly totals, and reservations for running requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.models import Model

from chat.models.generations import PROVIDER_ID_MAX_LENGTH
from chat.models.ids import uuid7
from chat.settings import MODEL_MAX_LENGTH

if TYPE_CHECKING:
    from chat.models.accounts import User
    from chat.models.generations import Generation

# Prices are in USD per million tokens, with at most six decimals, so a cost is exact.
DIGITS, DECIMALS = 20, 12
CALLER_MAX_LENGTH = 40
PROVIDER_NAME_MAX_LENGTH = 40
SERVICE_TIER_MAX_LENGTH = 20
FINE = ("completed", "incomplete", "refused", "stopped")  # how a request can end without an error
CURRENT_MONTH_SQL = "date_trunc('month', now() AT TIME ZONE 'UTC')::date"  # as UserMonthlyUsage.month has it


class LLMCallLog(Model):
    """One round with the provider. The row outlives its user, without a name.

    `estimated`: the tokens were counted here, since the call ran and ended without a usage report. `uncertain`: it is
    unknown whether the provider ran the call. `cost` is in USD; null means unknown, never zero. The rounds of one call
    share a `call_id`, which for a reply is the generation's id.
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
    response_id = fields.CharField(max_length=PROVIDER_ID_MAX_LENGTH, null=True, unique=True)
    request_id = fields.CharField(max_length=PROVIDER_ID_MAX_LENGTH, default="")
    caller = fields.CharField(max_length=CALLER_MAX_LENGTH, default="chat")
    model_asked = fields.CharField(max_length=MODEL_MAX_LENGTH)
    model = fields.CharField(max_length=MODEL_MAX_LENGTH, default="")
    provider = fields.CharField(max_length=PROVIDER_NAME_MAX_LENGTH, default="")  # the name of the configured provider
    service_tier = fields.CharField(max_length=SERVICE_TIER_MAX_LENGTH, default="")  # used, as reported by the provider
    schema_name = fields.CharField(max_length=64, default="")
    input_sha256 = fields.CharField(max_length=64, default="")  # of the instructions and input as sent
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
    """The text of a call. Unlike the figures, the database deletes it with its user or thread."""

    call: fields.OneToOneRelation[LLMCallLog] = fields.OneToOneField(
        "models.LLMCallLog", related_name="text", on_delete=fields.CASCADE, primary_key=True
    )
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="call_texts", on_delete=fields.CASCADE, null=True, db_index=True
    )
    generation: fields.ForeignKeyNullableRelation[Generation] = fields.ForeignKeyField(
        "models.Generation", related_name="call_texts", on_delete=fields.CASCADE, null=True, db_index=True
    )
    input: fields.Field[Any] = fields.JSONField(null=True)  # as sent; only if LLM_LOG_TEXT is on
    output = fields.TextField(default="")  # all text received

    class Meta:
        table = "llm_call_text"


class UserMonthlyUsage(Model):
    """A user's totals of one calendar month (UTC); `month` is its first day. The row outlives its user too.

    `cost` is the known cost; it leaves out `unpriced_calls` calls.
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
    """The highest possible cost of a running call, reserved from its user's budget until the call ends.

    Its id is the call's. `expires_at` frees the reservation if the worker died; no call runs that long.
    """

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="reservations", on_delete=fields.CASCADE, db_index=True
    )
    amount = fields.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "budget_reservation"
