"""Who may have an account, in code and in words. Everything that creates an account checks these rules."""

from __future__ import annotations

from dataclasses import dataclass

from chat.models import Invitation
from chat.services.errors import Refused
from chat.settings import Settings
from chat.settings.sign_up import ANY_SUBDOMAIN, Domains, SignUp


@dataclass(frozen=True, slots=True)
class SignUpRules:
    """The settings SIGNUP and SIGNUP_DOMAINS. They decide by the address alone, never by what is stored about it."""

    mode: SignUp
    domains: Domains

    @classmethod
    def of(cls, settings: Settings) -> SignUpRules:
        """The rules of these settings."""
        return cls(settings.sign_up, settings.signup_domains)

    @property
    def has_form(self) -> bool:
        """Whether visitors without an invitation can sign up."""
        return self.mode not in (SignUp.INVITE, SignUp.CLOSED)

    @property
    def sentence(self) -> str:
        """What visitors should know before they sign up; empty if anyone can."""
        match self.mode:
            case SignUp.INVITE:
                return "Sign-up is by invitation only."
            case SignUp.DOMAIN:
                return f"You can sign up with an email address at {self._domains_in_words}."
            case SignUp.APPROVAL:
                return "An administrator approves each new account."
            case SignUp.CLOSED:
                return "Sign-up is closed."
        return ""

    def check(self, email: str, invitation: Invitation | None = None) -> None:
        """Raise Refused if no one with this normalized address may sign up, with this invitation if there is one.

        An invitation for an address overrides the domain rule; a link for several people does not.
        """
        if self.mode is SignUp.CLOSED or not (self.has_form or invitation):
            raise Refused("sign_up_closed", self.sentence)
        if not (invitation and invitation.email):
            self.check_domain(email)

    def admits_domain_of(self, email: str) -> bool:
        """Whether a user's normalized address may have this domain."""
        return self.mode is not SignUp.DOMAIN or self.domains.admit(email)

    def check_domain(self, email: str) -> None:
        """Raise Refused if a user's address may not have this domain."""
        if not self.admits_domain_of(email):
            raise Refused("wrong_domain", f"Enter an email address at {self._domains_in_words}.", field="email")

    def must_wait(self, invitation: Invitation | None) -> bool:
        """Whether an administrator has to approve a new account; an invitation counts as approval."""
        return self.mode is SignUp.APPROVAL and invitation is None

    @property
    def _domains_in_words(self) -> str:
        *others, last = (
            f"a subdomain of {one.removeprefix(ANY_SUBDOMAIN)}" if one.startswith(ANY_SUBDOMAIN) else one
            for one in self.domains
        )
        return f"{', '.join(others)} or {last}" if others else last
