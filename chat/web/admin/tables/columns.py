"""Columns and filters that several lists share."""

from __future__ import annotations

from collections.abc import Iterable

from chat.services.admin.grid import ChoiceFilter, Column, ValueFilter, day, identifier

EXACT_EMAIL = "(SELECT id FROM users WHERE email = {})"  # uses an index, for tables that can be long
EMAIL_HINT, PREFIX_HINT = "Full email address or ID", "Start of an email address, or an ID"
CREATED = Column("created_at", "Created (UTC)", kind="time")


def user_column(user_id: str = "t.user_id") -> Column:
    """The user of a row."""
    return Column("user", "User", f"(SELECT email FROM users WHERE id = {user_id})", link=f"'users/' || {user_id}")  # noqa: S608


def yes_no(name: str, label: str, condition: str = "") -> ChoiceFilter:
    """A filter for a condition; by default the column itself."""
    condition = condition or f"t.{name}"
    return ChoiceFilter(name, label, {"yes": condition, "no": f"NOT ({condition})"})


def one_of(name: str, label: str, values: Iterable[str]) -> ChoiceFilter:
    """A filter for a column with a few values."""
    return ChoiceFilter(name, label, {str(one): f"t.{name} = '{one}'" for one in values})


def by_user(condition: str = "t.user_id = {}") -> ValueFilter:
    """The rows of one user; set by links."""
    return ValueFilter("user", "User", condition, identifier)


def by_day(column: str = "created_at") -> ValueFilter:
    """The rows of one day, UTC."""
    return ValueFilter("day", "Day (UTC)", f"t.{column} >= {{}} AND t.{column} < {{}}", day, "date")
