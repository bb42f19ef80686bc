"""Users, where they are logged in, links that were mailed to them, and what administrators did."""

from __future__ import annotations

from chat.models import AuditEntry, AuthSession, Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.models.ids import NO_ID
from chat.services.accounts.sessions import active_sql
from chat.services.admin import commands
from chat.services.admin.grid import Action, Column, Section, Sort, Table, Value, identifier, moment, words
from chat.web.admin.tables.columns import BEGINNING_HINT, of_day, of_user, one_of, who, yes_no

BY_EMAIL = "t.user_id IN (SELECT id FROM users WHERE email LIKE {})"
OF_THIS_MONTH = """coalesce((SELECT {} FROM user_monthly_usage
    WHERE user_id = t.id AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0)"""
TWO_STEP = "EXISTS (SELECT 1 FROM second_factor WHERE user_id = t.id AND confirmed_at IS NOT NULL)"
LIVES = active_sql("t")

USERS = Table(
    name="users",
    title="Users",
    one="User",
    model=User,
    columns=(
        Column("email", "E-mail", link="'users/' || t.id"),
        Column("email_verified", "Confirmed", kind="yes"),
        Column("is_active", "Active", kind="yes"),
        Column("is_staff", "Administrator", kind="yes"),
        Column("two_step", "Second factor", TWO_STEP, "yes"),
        Column("spent", "Spent this month", OF_THIS_MONTH.format("cost"), "usd"),
        Column("unpriced", "Unpriced calls", OF_THIS_MONTH.format("unpriced_calls"), "number"),
        Column("last_seen_at", "Last seen (UTC)", kind="time"),
    ),
    details=(
        Column("created_at", "Signed up (UTC)", kind="time"),
        Column("display_name", "Name"),
        Column("monthly_budget", "Monthly budget (empty: the site's)", kind="usd"),
        Column("login_failures", "Wrong passwords in a row", kind="number"),
        Column("verification_sent_at", "Link last sent (UTC)", kind="time"),
        Column("theme", "Theme", "(SELECT theme FROM user_settings WHERE user_id = t.id)"),
    ),
    search="t.email LIKE {}",
    search_hint=BEGINNING_HINT,
    is_search_for_beginnings=True,
    filters=(
        yes_no("email_verified", "Confirmed"),
        yes_no("is_active", "Active"),
        yes_no("is_staff", "Administrator"),
    ),
    sorts=(
        Sort("newest", "Newest first"),
        Sort("email", "By e-mail", "t.email", str, descending=False),
        Sort("seen", "Last seen first", "coalesce(t.last_seen_at, t.created_at)", moment),
    ),
    sections=(
        Section("sessions", "user"),
        Section("threads", "user"),
        Section("calls", "user"),
        Section("months", "user"),
        Section("reservations", "user"),
        Section("audit", "object"),
    ),
    actions=(
        Action(
            "verify", "Confirm the address", "The address counts as confirmed, without a link.",
            commands.verify, lambda user: not user["email_verified"],
        ),
        Action(
            "set_budget", "Set the budget", "From now on this is what the user may spend in a calendar month.",
            commands.set_budget, lambda _: True, value="USD a month, or none for the site's limit",
            shows=("monthly_budget", "spent", "unpriced"),
        ),
        Action(
            "end_sessions", "Log out everywhere", "The user is logged out on every device, and open tabs say so.",
            commands.end_sessions, lambda _: True,
        ),
        Action(
            "reset_second_factor", "Reset the second factor", "The password alone logs in from now on, and the user is "
            "told so by e-mail. Be sure that it is the user who has lost app and codes, and asks for this.",
            commands.reset_second_factor, lambda user: user["two_step"], is_danger=True,
        ),
        Action(
            "make_staff", "Make an administrator", "The user can do everything that you can do here.",
            commands.make_staff, lambda user: user["is_active"] and not user["is_staff"], is_danger=True,
        ),
        Action(
            "remove_staff", "Make no administrator", "The user stays, and loses these pages.",
            commands.remove_staff, lambda user: user["is_staff"], is_danger=True,
        ),
        Action(
            "disable", "Disable", "The user is logged out everywhere, answers that are being written stop, and nobody "
            "can log in to the account. Nothing of it is deleted.",
            commands.disable, lambda user: user["is_active"], is_danger=True,
        ),
        Action(
            "enable", "Enable again", "The user can log in again, with the old password.",
            commands.enable, lambda user: not user["is_active"],
        ),
    ),
)  # fmt: skip

SESSIONS = Table(
    name="sessions",
    title="Sessions",
    one="Session",
    model=AuthSession,
    joins="JOIN users u ON u.id = t.user_id",
    columns=(
        Column("last_seen_at", "Last seen (UTC)", kind="time", link="'sessions/' || t.id"),
        who(),
        Column("lives", "Alive", LIVES, "yes"),
        Column("browser", "Browser", "t.user_agent", "browser"),
        Column("ip", "Address", kind="code"),
        Column("created_at", "Logged in (UTC)", kind="time"),
    ),
    details=(
        Column("authenticated_at", "Password last asked (UTC)", kind="time"),
        Column("remembered", "Stays logged in", kind="yes"),
        Column("user_agent", "User agent", kind="code"),
    ),
    search=BY_EMAIL,
    search_hint=BEGINNING_HINT,
    is_search_for_beginnings=True,
    filters=(of_user(), yes_no("lives", "Alive", LIVES)),
    sorts=(Sort("newest", "Newest first"), Sort("seen", "Last seen first", "t.last_seen_at", moment)),
    sections=(Section("audit", "object"),),
    actions=(
        Action(
            "end", "Log out there", "This session ends, and its open tabs say so.",
            commands.end_session, lambda _: True, is_danger=True,
        ),
    ),
)  # fmt: skip

LINK_COLUMNS = (
    Column("created_at", "Sent (UTC)", kind="time"),
    Column("expires_at", "Works until (UTC)", kind="time"),
    Column("pending", "Still works", "t.expires_at > now()", "yes"),
)

VERIFICATIONS = Table(
    name="verifications",
    title="Confirmations",
    one="Confirmation link",
    model=EmailVerificationToken,
    columns=(
        Column("email", "Address", link="'verifications/' || t.id"),
        who(),
        Column("confirms", "Confirms"),
        *LINK_COLUMNS,
    ),
    search="t.email LIKE {}",
    search_hint=BEGINNING_HINT,
    is_search_for_beginnings=True,
    filters=(yes_no("pending", "Still works", "t.expires_at > now()"), one_of("confirms", "Confirms", Confirms)),
)

RESETS = Table(
    name="resets",
    title="Resets",
    one="Password link",
    model=PasswordResetToken,
    columns=(Column("email", "Address", link="'resets/' || t.id"), who(), *LINK_COLUMNS),
    search="t.email LIKE {}",
    search_hint=BEGINNING_HINT,
    is_search_for_beginnings=True,
    filters=(yes_no("pending", "Still works", "t.expires_at > now()"),),
)

AUDIT = Table(
    name="audit",
    title="Audit",
    one="Entry of the audit log",
    model=AuditEntry,
    columns=(
        Column("created_at", "When (UTC)", kind="time", link="'audit/' || t.id"),
        Column("actor_email", "Who", link=f"'users/' || nullif(t.actor_id, '{NO_ID}')"),
        Column("action", "What", kind="code"),
        Column("object_id", "Of", kind="code", link="split_part(t.action, '.', 1) || '/' || t.object_id"),
        Column("reason", "Why"),
    ),
    details=(
        Column("before", "Before", "t.before::text", "code"),
        Column("after", "After", "t.after::text", "code"),
        Column("ip", "From", kind="code"),
        Column("user_agent", "User agent", kind="code"),
    ),
    search="t.actor_email LIKE {}",
    search_hint="Beginning of an administrator's address, or an id",
    is_search_for_beginnings=True,
    filters=(
        Value("action", "What", "t.action = {}", words, "text"),
        of_day(),
        Value("object", "Of", "t.object_id = {}", lambda text: (str(identifier(text)[0]),)),
        Value("actor", "Who", "t.actor_id = {}", identifier),
    ),
)
