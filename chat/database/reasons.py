"""Why PostgreSQL can't be used, in a sentence that says what to do."""

from __future__ import annotations

NOT_LISTENING = "nothing listens there: check the host and the port in {name}, and whether the server runs"
# A part of an error's text, in lower case, and the advice; the first one that is found counts.
ADVICE = (
    ("unsupported startup parameter", "a pooler is in front of the server: add pgbouncer=true to {name}"),
    ("password authentication failed", "check the user and the password in {name}"),
    ("no password supplied", "add the user's password to {name}"),
    ("no pg_hba.conf entry", "the server does not let this user in from here: check the user, and sslmode, in {name}"),
    ("certificate", "check the file of sslrootcert in {name}, and that the server's certificate has the host's name"),
    ("rejected ssl upgrade", "the server has no TLS: remove sslmode from {name}, or turn TLS on there"),
    ("connection is insecure", "the server wants TLS: add sslmode=require to {name}"),
    ("too many clients", "lower DATABASE_POOL_SIZE or WEB_CONCURRENCY, or raise max_connections"),
    ("connection slots", "lower DATABASE_POOL_SIZE or WEB_CONCURRENCY, or raise max_connections"),
    ("too many connections", "lower DATABASE_POOL_SIZE or WEB_CONCURRENCY, or raise the limit of the user"),
    ("name or service not known", "check the host in {name}"),
    ("nodename nor servname", "check the host in {name}"),
    ("temporary failure in name resolution", "check the host in {name}, and the DNS of this machine"),
    ("no address associated", "check the host in {name}"),
    ("connect call failed", NOT_LISTENING),
    ("connection refused", NOT_LISTENING),
    ("no such file", "there is no such socket: check host in {name}, and whether the server runs"),
    ("network is unreachable", "check the host in {name}, and the network of this machine"),
    ("timeout", "no answer: check the host and the port in {name}, and the firewall"),
    ("prepared statement", "a pooler is in front of the server: add pgbouncer=true to {name}"),
    ("read-only", "{name} points to a replica: use the address of the primary"),
    ("does not exist", "check {name}, and create what is missing"),
)


def explained(why: str, *, name: str = "DATABASE_URL") -> str:
    """The error's text with what to do about it; neither contains the password."""
    folded = why.lower()
    advice = next((advice for part, advice in ADVICE if part in folded), "check {name}")
    return f"{why}: {advice.format(name=name)}"
