"""Columns and filters that several tables have."""

from __future__ import annotations

from collections.abc import Iterable

from chat.services.admin.grid import Choice, Column, Value, day, identifier

EXACT_EMAIL = "(SELECT id FROM users WHERE email = {})"  # by an index, for tables that can be long
EMAIL_HINT, BEGINNING_HINT = "A whole e-mail address, or an id", "Beginning of an e-mail address, or an id"
CREATED = Column("created_at", "Created (UTC)", kind="time")


def who(user_id: str = "t.user_id") -> Column:
    """Whose row it is."""
    return Column("user", "User", f"(SELECT email FROM users WHERE id = {user_id})", link=f"'users/' || {user_id}")  # noqa: S608


def yes_no(name: str, label: str, condition: str = "") -> Choice:
    """A filter for something that is so or not."""
    condition = condition or f"t.{name}"
    return Choice(name, label, {"yes": condition, "no": f"NOT ({condition})"})


def one_of(name: str, label: str, values: Iterable[str]) -> Choice:
    """A filter for a column with a few known values."""
    return Choice(name, label, {str(one): f"t.{name} = '{one}'" for one in values})


def of_user(condition: str = "t.user_id = {}") -> Value:
    """The rows of one user, to which links lead."""
    return Value("user", "User", condition, identifier)


def of_day(column: str = "created_at") -> Value:
    """The rows of a day, UTC."""
    return Value("day", "Day (UTC)", f"t.{column} >= {{}} AND t.{column} < {{}}", day, "date")
