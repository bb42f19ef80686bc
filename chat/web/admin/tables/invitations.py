"""Invitations."""

from __future__ import annotations

from chat.models import Invitation
from chat.services.accounts.invitations import WORKS
from chat.services.admin import invitations
from chat.services.admin.grid import Action, ChoiceFilter, Column, Section, Table, ValueFilter, identifier
from chat.web.admin.tables.columns import PREFIX_HINT

MAKER = "(SELECT email FROM users WHERE id = t.maker_id)"
STATES = {
    "valid": WORKS,
    "used": "t.uses_left = 0",
    "revoked": "t.uses_left > 0 AND t.revoked_at IS NOT NULL",
    "expired": "t.uses_left > 0 AND t.revoked_at IS NULL AND t.expires_at <= now()",
}
CASES = " ".join(f"WHEN {sql} THEN '{name}'" for name, sql in STATES.items())
STATE = f"CASE {CASES} ELSE 'maker lost rights' END"

INVITATIONS = Table(
    name="invitations",
    title="Invitations",
    singular="Invitation",
    model=Invitation,
    create="Invite people",
    columns=(
        Column("created_at", "Created (UTC)", kind="time", link="'invitations/' || t.id"),
        Column("email", "For (empty: anyone)"),
        Column("maker", "Made by (empty: command line)", MAKER, link="'users/' || t.maker_id"),
        Column("state", "State", STATE),
        Column("accepted", "Accepted", "t.uses - t.uses_left", "number"),
        Column("uses", "Uses", kind="number"),
        Column("expires_at", "Expires (UTC)", kind="time"),
    ),
    details=(
        Column("is_mailed", "Sent by email", kind="yes"),
        Column("revoked_at", "Revoked (UTC)", kind="time"),
    ),
    search="t.email LIKE {}",
    search_hint=PREFIX_HINT,
    is_prefix_search=True,
    filters=(ChoiceFilter("state", "State", STATES), ValueFilter("maker", "Made by", "t.maker_id = {}", identifier)),
    sections=(Section("users", "invitation"), Section("audit", "object")),
    actions=(
        Action(
            "revoke", "Revoke invitation", "The link stops working. Accounts that were created with it stay.",
            invitations.revoke, lambda invitation: invitation["state"] == "valid", is_danger=True,
        ),
    ),
)  # fmt: skip
