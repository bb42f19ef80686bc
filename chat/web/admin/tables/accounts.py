"""Users, sessions, emailed links and the audit log."""

from __future__ import annotations

from chat.models import (
    CURRENT_MONTH_SQL,
    AuditEntry,
    AuthSession,
    Confirms,
    EmailVerificationToken,
    PasswordResetToken,
    User,
)
from chat.models.ids import NO_ID
from chat.services.accounts.sessions import active_sql
from chat.services.admin import approval, commands
from chat.services.admin.grid import (
    Action,
    ChoiceFilter,
    Column,
    Section,
    Sort,
    Table,
    ValueFilter,
    as_text,
    identifier,
    timestamp_key,
)
from chat.web.admin.tables.columns import PREFIX_HINT, by_day, by_user, one_of, user_column, yes_no

BY_EMAIL = "t.user_id IN (SELECT id FROM users WHERE email LIKE {})"
THIS_MONTH = f"""coalesce((SELECT {{}} FROM user_monthly_usage
    WHERE user_id = t.id AND month = {CURRENT_MONTH_SQL}), 0)"""  # noqa: S608 - a constant
HAS_TWO_FACTOR = "EXISTS (SELECT 1 FROM second_factor WHERE user_id = t.id AND confirmed_at IS NOT NULL)"
IS_ACTIVE = active_sql("t")
APPROVAL = {
    "waiting": "t.approved_at IS NULL AND t.declined_at IS NULL",
    "approved": "t.approved_at IS NOT NULL",
    "declined": "t.declined_at IS NOT NULL",
}

USERS = Table(
    name="users",
    title="Users",
    singular="User",
    model=User,
    columns=(
        Column("email", "Email", link="'users/' || t.id"),
        Column("email_verified", "Confirmed", kind="yes"),
        Column("is_active", "Active", kind="yes"),
        Column("is_staff", "Administrator", kind="yes"),
        Column("two_factor", "2FA", HAS_TWO_FACTOR, "yes"),
        Column("spent", "Cost this month", THIS_MONTH.format("cost"), "usd"),
        Column("unpriced", "Unpriced requests", THIS_MONTH.format("unpriced_calls"), "number"),
        Column("last_seen_at", "Last seen (UTC)", kind="time"),
    ),
    details=(
        Column("created_at", "Signed up (UTC)", kind="time"),
        Column("approved_at", "Approved (UTC)", kind="time"),
        Column("declined_at", "Declined (UTC)", kind="time"),
        Column("invitation", "Invitation", "t.invitation_id", "id", link="'invitations/' || t.invitation_id"),
        Column("display_name", "Name"),
        Column("monthly_budget", "Monthly budget (empty: site default)", kind="usd"),
        Column("login_failures", "Failed logins in a row", kind="number"),
        Column("verification_sent_at", "Confirmation email sent (UTC)", kind="time"),
        Column("theme", "Theme", "(SELECT theme FROM user_settings WHERE user_id = t.id)"),
        Column("enter_key", "Enter key", "(SELECT enter_key FROM user_settings WHERE user_id = t.id)"),
    ),
    search="t.email LIKE {}",
    search_hint=PREFIX_HINT,
    is_prefix_search=True,
    filters=(
        yes_no("email_verified", "Confirmed"),
        yes_no("is_active", "Active"),
        yes_no("is_staff", "Administrator"),
        ChoiceFilter("approval", "Approval", APPROVAL),
        ValueFilter("invitation", "Invitation", "t.invitation_id = {}", identifier),
    ),
    sorts=(
        Sort("newest", "Newest first"),
        Sort("email", "By email", "t.email", str, descending=False),
        Sort("seen", "Last seen first", "coalesce(t.last_seen_at, t.created_at)", timestamp_key),
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
            "approve", "Approve account", "The user can then use the site, and is told by email.",
            approval.approve, lambda user: user["approved_at"] is None,
        ),
        Action(
            "decline", "Decline account", "Logs the user out and closes the account. The user is told by email. "
            "You can still approve the account later.",
            approval.decline, lambda user: user["approved_at"] is None and user["declined_at"] is None, is_danger=True,
        ),
        Action(
            "verify", "Confirm email address", "Marks the email address as confirmed, without a confirmation link.",
            commands.verify, lambda user: not user["email_verified"],
        ),
        Action(
            "set_budget", "Set budget", "Limits what the user can spend in a calendar month.",
            commands.set_budget, lambda _: True, value="USD per month, or none for the site's default",
            shows=("monthly_budget", "spent", "unpriced"),
        ),
        Action(
            "end_sessions", "Log out everywhere", "Logs the user out on all devices. Open tabs show a message.",
            commands.end_sessions, lambda _: True,
        ),
        Action(
            "reset_second_factor", "Reset two-factor authentication",
            "The user can then log in with the password alone, and is told by email. Verify the user's identity first.",
            commands.reset_two_factor, lambda user: user["two_factor"], is_danger=True,
        ),
        Action(
            "make_staff", "Make administrator", "The user can then do everything that you can do here.",
            commands.make_staff, lambda user: user["is_active"] and not user["is_staff"], is_danger=True,
        ),
        Action(
            "remove_staff", "Remove administrator rights", "The account stays, without access to these pages.",
            commands.remove_staff, lambda user: user["is_staff"], is_danger=True,
        ),
        Action(
            "disable", "Disable account", "Logs the user out on all devices, stops running answers and blocks logins. "
            "Nothing is deleted.",
            commands.disable, lambda user: user["is_active"], is_danger=True,
        ),
        Action(
            "enable", "Enable account", "The user can log in again, with the same password.",
            commands.enable, lambda user: not user["is_active"] and user["declined_at"] is None,
        ),
    ),
)  # fmt: skip

SESSIONS = Table(
    name="sessions",
    title="Sessions",
    singular="Session",
    model=AuthSession,
    joins="JOIN users u ON u.id = t.user_id",
    columns=(
        Column("last_seen_at", "Last seen (UTC)", kind="time", link="'sessions/' || t.id"),
        user_column(),
        Column("active", "Active", IS_ACTIVE, "yes"),
        Column("browser", "Browser", "t.user_agent", "browser"),
        Column("ip", "IP address", kind="code"),
        Column("created_at", "Logged in (UTC)", kind="time"),
    ),
    details=(
        Column("authenticated_at", "Password last entered (UTC)", kind="time"),
        Column("remembered", "Keep me logged in", kind="yes"),
        Column("user_agent", "User agent", kind="code"),
    ),
    search=BY_EMAIL,
    search_hint=PREFIX_HINT,
    is_prefix_search=True,
    filters=(by_user(), yes_no("active", "Active", IS_ACTIVE)),
    sorts=(Sort("newest", "Newest first"), Sort("seen", "Last seen first", "t.last_seen_at", timestamp_key)),
    sections=(Section("audit", "object"),),
    actions=(
        Action(
            "end", "Log out this session", "Ends this session. Its open tabs show a message.",
            commands.end_session, lambda _: True, is_danger=True,
        ),
    ),
)  # fmt: skip

LINK_COLUMNS = (
    Column("created_at", "Sent (UTC)", kind="time"),
    Column("expires_at", "Expires (UTC)", kind="time"),
    Column("pending", "Valid", "t.expires_at > now()", "yes"),
)

VERIFICATIONS = Table(
    name="verifications",
    title="Email confirmations",
    singular="Confirmation link",
    model=EmailVerificationToken,
    columns=(
        Column("email", "Email", link="'verifications/' || t.id"),
        user_column(),
        Column("confirms", "Purpose"),
        *LINK_COLUMNS,
    ),
    search="t.email LIKE {}",
    search_hint=PREFIX_HINT,
    is_prefix_search=True,
    filters=(yes_no("pending", "Valid", "t.expires_at > now()"), one_of("confirms", "Purpose", Confirms)),
)

RESETS = Table(
    name="resets",
    title="Password resets",
    singular="Password reset link",
    model=PasswordResetToken,
    columns=(Column("email", "Email", link="'resets/' || t.id"), user_column(), *LINK_COLUMNS),
    search="t.email LIKE {}",
    search_hint=PREFIX_HINT,
    is_prefix_search=True,
    filters=(yes_no("pending", "Valid", "t.expires_at > now()"),),
)

AUDIT = Table(
    name="audit",
    title="Audit log",
    singular="Audit entry",
    model=AuditEntry,
    columns=(
        Column("created_at", "Time (UTC)", kind="time", link="'audit/' || t.id"),
        Column("actor_email", "Actor", link=f"'users/' || nullif(t.actor_id, '{NO_ID}')"),
        Column("action", "Action", kind="code"),
        Column(
            "object_id",
            "Object",
            kind="code",
            link="replace(split_part(t.action, '.', 1), '_', '-') || '/' || t.object_id",
        ),
        Column("reason", "Reason"),
    ),
    details=(
        Column("before", "Before", "t.before::text", "code"),
        Column("after", "After", "t.after::text", "code"),
        Column("ip", "IP address", kind="code"),
        Column("user_agent", "User agent", kind="code"),
    ),
    search="t.actor_email LIKE {}",
    search_hint="Start of an administrator's email address, or an ID",
    is_prefix_search=True,
    filters=(
        ValueFilter("action", "Action", "t.action = {}", as_text, "text"),
        by_day(),
        ValueFilter("object", "Object", "t.object_id = {}", lambda text: (str(identifier(text)[0]),)),
        ValueFilter("actor", "Actor", "t.actor_id = {}", identifier),
    ),
)
