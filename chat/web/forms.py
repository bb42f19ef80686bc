"""The forms that people fill in. What a form cannot know (a taken address) the service says, field by field."""

from __future__ import annotations

from wtforms import EmailField, Form, PasswordField
from wtforms.validators import InputRequired, Length, ValidationError

from chat.models import EMAIL_MAX_LENGTH
from chat.security.passwords import PASSWORD_MAX_BYTES

EMAIL = [InputRequired("Enter your e-mail address."), Length(max=EMAIL_MAX_LENGTH, message="This address is too long.")]


class LoginForm(Form):
    """E-mail and password."""

    email = EmailField("E-mail address", EMAIL)
    password = PasswordField(
        "Password", [InputRequired("Enter your password."), Length(max=PASSWORD_MAX_BYTES, message="Too long.")]
    )


class SignUpForm(Form):
    """E-mail, and the password twice."""

    email = EmailField("E-mail address", EMAIL)
    password1 = PasswordField("Password", [InputRequired("Choose a password.")])
    password2 = PasswordField("Password again", [InputRequired("Enter the password again.")])

    def validate_password2(self, field: PasswordField) -> None:
        """Both have to be the same, as a guard against a slip."""
        if field.data != self.password1.data:
            raise ValidationError("The two passwords are not the same.")


def add_error(form: Form, field: str, sentence: str) -> None:
    """What a service had against a field."""
    form[field].errors = [*form[field].errors, sentence]
