"""The HTML forms. What a form cannot check itself, such as a taken address, the service reports by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import wtforms
from wtforms import BooleanField, EmailField, IntegerField, PasswordField, RadioField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, ValidationError

from chat.llm.catalogue import ModelSpec
from chat.models import DISPLAY_NAME_MAX_LENGTH, EMAIL_MAX_LENGTH, ENTER_KEYS, THEMES, User
from chat.security.password_rules import PASSWORD_MAX_BYTES
from chat.text import storable

EMAIL_TOO_LONG = f"An email address can have at most {EMAIL_MAX_LENGTH} characters. Enter a shorter one."
EMAIL = [InputRequired("Enter your email address."), Length(max=EMAIL_MAX_LENGTH, message=EMAIL_TOO_LONG)]

MAX = Length(
    max=PASSWORD_MAX_BYTES, message=f"Passwords can be at most {PASSWORD_MAX_BYTES:,} bytes long. Enter a shorter one."
)

REASON_MAX = Length(max=500, message="The reason can have at most 500 characters. Shorten it.")


def typed(text: str | None) -> str:
    """The text as it can be stored, without surrounding spaces."""
    return storable((text or "").strip())


class Form(wtforms.Form):
    """`wait_ms` is the wait before the form can be submitted again, 0 if none."""

    wait_ms = 0


class Repeats(EqualTo):
    """Requires the same password as another field, if both were sent: pages ask twice only without JavaScript."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "The passwords do not match. Enter the same password twice.")

    def __call__(self, form: wtforms.Form, field: wtforms.Field) -> None:
        if field.raw_data:
            super().__call__(form, field)


class LoginForm(Form):
    """Email and password, and whether to stay logged in."""

    email = EmailField("Email address", EMAIL)
    password = PasswordField("Password", [InputRequired("Enter your password."), MAX])
    remember = BooleanField("Keep me logged in")


class SignUpForm(Form):
    """Email and password."""

    email = EmailField("Email address", EMAIL)
    password1 = PasswordField("Password", [InputRequired("Choose a password.")])
    password2 = PasswordField("Password again", [Repeats("password1")])


class InviteForm(Form):
    """One person by address, or the number of people who may use the link."""

    email = EmailField("Email address", [Length(max=EMAIL_MAX_LENGTH, message=EMAIL_TOO_LONG)], filters=[typed])
    uses = IntegerField("Number of people", [InputRequired("Enter a number.")], default=1)


class ResetForm(Form):
    """The account whose password is to be reset."""

    email = EmailField("Email address", EMAIL)


class NewPasswordForm(Form):
    """A new password."""

    new_password1 = PasswordField("New password", [InputRequired("Choose a new password.")])
    new_password2 = PasswordField("New password again", [Repeats("new_password1")])


class PasswordChangeForm(NewPasswordForm):
    """The current password and the new one."""

    old_password = PasswordField("Current password", [InputRequired("Enter your current password."), MAX])


class ConfirmForm(Form):
    """Confirms a change with the password."""

    password = PasswordField("Your password", [InputRequired("Enter your password."), MAX])


CODE = [InputRequired("Enter a code."), Length(max=100, message="This code is too long. Enter a valid code.")]


class CodeForm(Form):
    """A two-factor code or a recovery code."""

    code = StringField("Code", CODE)


class ProofForm(ConfirmForm):
    """Confirms a change with the password and a code."""

    code = StringField("Code from your app, or a recovery code", CODE)


class ChangeEmailForm(ConfirmForm):
    """The new address, confirmed with the password."""

    email = EmailField("New email address", EMAIL)


class SettingsForm(Form):
    """A user's settings."""

    display_name = StringField("Your name", filters=[lambda text: " ".join((text or "").split())])
    model = SelectField("Model for new chats", id="default-model")
    theme = RadioField("Theme", choices=list(THEMES))
    enter_key = RadioField("Enter key", choices=list(ENTER_KEYS))

    @classmethod
    def of(cls, user: User, sent: Any, *, models: Sequence[ModelSpec]) -> Self:
        """Filled with the user's settings; a model that is no longer offered becomes the site's default."""
        names = [model.name for model in models]
        chosen = user.settings.model if user.settings.model in names else names[0]
        stored = {"theme": user.settings.theme, "enter_key": user.settings.enter_key}
        form = cls(sent, display_name=user.display_name, model=chosen, **stored)
        form.model.choices = list(zip(names, models, strict=True))
        return form

    def validate_display_name(self, field: StringField) -> None:
        """The name has to fit its column."""
        if len(field.data) > DISPLAY_NAME_MAX_LENGTH:
            raise ValidationError(
                f"Names can have at most {DISPLAY_NAME_MAX_LENGTH} characters, and this one has {len(field.data)}."
            )


class ChangeForm(Form):
    """The reason for an administrator's change, and its value if it needs one."""

    value = StringField("Value", filters=[typed])
    reason = StringField("Reason", [REASON_MAX], filters=[typed])


class LookForm(Form):
    """The reason for which an administrator views private content; required."""

    reason = StringField(
        "Reason", [DataRequired("Enter a reason; it is recorded in the audit log."), REASON_MAX], filters=[typed]
    )


def add_error(form: Form, field: str, sentence: str) -> None:
    """Add a service's error to a field."""
    form[field].errors = [*form[field].errors, sentence]
