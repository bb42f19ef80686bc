"""The forms that people fill in. What a form cannot know (a taken address) the service says, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import wtforms
from wtforms import BooleanField, EmailField, PasswordField, RadioField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, ValidationError

from chat.models import DISPLAY_NAME_MAX_LENGTH, EMAIL_MAX_LENGTH, THEMES, User
from chat.security.password_rules import PASSWORD_MAX_BYTES
from chat.text import storable

EMAIL = [InputRequired("Enter your e-mail address."), Length(max=EMAIL_MAX_LENGTH, message="This address is too long.")]

MAX = Length(max=PASSWORD_MAX_BYTES, message="No password here is that long. Shorten it.")

CODE = [InputRequired("Enter a code."), Length(max=100, message="No code is that long. Enter one of them.")]
REASON_MAX = Length(max=500, message="Say it in 500 characters at most.")


def typed(text: str | None) -> str:
    """As it can be stored, without spaces around it."""
    return storable((text or "").strip())


class Form(wtforms.Form):
    """A form that may have come too early: `wait_ms` is when it can be sent again."""

    wait_ms = 0


def same_as(field: str) -> EqualTo:
    """Typed twice, as a guard against a slip."""
    return EqualTo(field, "The two passwords are not the same. Enter the same one twice.")


class LoginForm(Form):
    """E-mail and password, and whether this browser is one's own."""

    email = EmailField("E-mail address", EMAIL)
    password = PasswordField("Password", [InputRequired("Enter your password."), MAX])
    remember = BooleanField("Keep me logged in")


class SignUpForm(Form):
    """E-mail, and the password twice."""

    email = EmailField("E-mail address", EMAIL)
    password1 = PasswordField("Password", [InputRequired("Choose a password.")])
    password2 = PasswordField("Password again", [InputRequired("Enter the password again."), same_as("password1")])


class ResetForm(Form):
    """Whose password is to be set anew."""

    email = EmailField("E-mail address", EMAIL)


class NewPasswordForm(Form):
    """A new password, twice."""

    new_password1 = PasswordField("New password", [InputRequired("Choose a new password.")])
    new_password2 = PasswordField(
        "New password again", [InputRequired("Enter the new password again."), same_as("new_password1")]
    )


class PasswordChangeForm(NewPasswordForm):
    """The old password, and the new one twice."""

    old_password = PasswordField("Current password", [InputRequired("Enter your current password."), MAX])


class ConfirmForm(Form):
    """What needs the password once more."""

    password = PasswordField("Your password", [InputRequired("Enter your password."), MAX])


class CodeForm(Form):
    """A code of the second factor, or one for recovery."""

    code = StringField("Code", CODE)


class ProofForm(ConfirmForm):
    """What needs the password and a code once more."""

    code = StringField("Code of the app, or a recovery code", CODE)


class ChangeEmailForm(ConfirmForm):
    """The new address."""

    email = EmailField("New e-mail address", EMAIL)


class SettingsForm(Form):
    """What users set for themselves."""

    display_name = StringField("Your name", filters=[lambda text: " ".join((text or "").split())])
    model = SelectField("Model of new chats", id="default-model")
    theme = RadioField("Theme", choices=list(THEMES))

    @classmethod
    def of(cls, user: User, sent: Any, *, models: Sequence[str]) -> Self:
        """With what the user has; a model that is offered no more gives way to the site's first."""
        chosen = user.settings.model if user.settings.model in models else models[0]
        form = cls(sent, display_name=user.display_name, model=chosen, theme=user.settings.theme)
        form.model.choices = list(models)
        return form

    def validate_display_name(self, field: StringField) -> None:
        """It has to fit its column."""
        if len(field.data) > DISPLAY_NAME_MAX_LENGTH:
            raise ValidationError(f"The name has {len(field.data)} characters; {DISPLAY_NAME_MAX_LENGTH} are possible.")


class ChangeForm(Form):
    """Why an administrator does something; `value` is for what needs one."""

    value = StringField("Value", filters=[typed])
    reason = StringField("Reason", [REASON_MAX], filters=[typed])


class LookForm(Form):
    """Why an administrator looks at what somebody wrote: without a reason, nobody does."""

    reason = StringField(
        "Reason", [DataRequired("Say why in a few words: it is recorded."), REASON_MAX], filters=[typed]
    )


def add_error(form: Form, field: str, sentence: str) -> None:
    """What a service had against a field."""
    form[field].errors = [*form[field].errors, sentence]
