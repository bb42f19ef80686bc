"""Email addresses as they are stored and compared."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from chat.models import EMAIL_MAX_LENGTH
from chat.services.errors import Refused
from chat.text import storable


def normalized_email(email: str) -> str:
    """The address in lower case, as it is stored. Raises Refused if it is not valid."""
    try:
        address = validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise Refused("invalid_email", "Enter an email address like name@example.com.", field="email") from None
    if len(address) > EMAIL_MAX_LENGTH:
        sentence = f"An email address can have at most {EMAIL_MAX_LENGTH} characters. Enter a shorter one."
        raise Refused("invalid_email", sentence, field="email")
    return address


def storable_email(email: str) -> str:
    """Like `normalized_email`, but invalid addresses pass too: no account has them, and attempts are still counted."""
    try:
        return normalized_email(email)
    except Refused:
        return storable(email.strip().lower())[:EMAIL_MAX_LENGTH]
