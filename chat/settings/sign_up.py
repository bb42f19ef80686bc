"""Who may sign up, and the domains of the addresses that may."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from email_validator import EmailNotValidError, validate_email

ANY_SUBDOMAIN = "*."


class SignUp(StrEnum):
    """The values of SIGNUP."""

    OPEN = "open"
    INVITE = "invite"
    DOMAIN = "domain"
    APPROVAL = "approval"
    CLOSED = "closed"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with the choices."""
        try:
            return cls(text.lower())
        except ValueError:
            raise ValueError(f"is {text!r}: choose one of {', '.join(cls)}") from None


class Domains(tuple[str, ...]):
    """Domains of email addresses, such as `example.com`, and `*.example.com` for its subdomains at any depth.

    Both sides of a comparison went through IDNA: other spellings of a domain are equal to it, and look-alikes are not.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what is wrong, and an example."""
        return cls(_domain(part.strip()) for part in text.split(",") if part.strip())

    def admit(self, email: str) -> bool:
        """Whether a normalized address is in one of the domains."""
        found = _domain_of(email)
        return any(
            found.endswith(domain[1:]) if domain.startswith(ANY_SUBDOMAIN) else found == domain for domain in self
        )

    def __str__(self) -> str:
        return ",".join(self)


def _domain(text: str) -> str:
    name = text.removeprefix(ANY_SUBDOMAIN)
    try:
        return text[: len(text) - len(name)] + _domain_of(f"name@{name}")
    except EmailNotValidError:
        raise ValueError(f"has {text!r}: write each domain like example.com or *.example.com") from None


def _domain_of(email: str) -> str:
    """What follows the last @, in the one spelling that its IDNA form stands for."""
    return validate_email(email, check_deliverability=False).domain.lower()
