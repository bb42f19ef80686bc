"""The parts of chat/ that tests replace, all named here: renaming one in chat/ fails at this file's import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from quart import formparser
from quart.sessions import SecureCookieSessionInterface
from werkzeug.sansio.multipart import MultipartDecoder

from chat import app, broadcast, database, error_reports, mailer, server, tracing
from chat.broadcast import channels
from chat.broadcast.log import Log
from chat.database import address, pool
from chat.devservices.local_model import launch
from chat.devservices.offline_model import ledger
from chat.llm import client, token_table, tokens
from chat.llm.provider import breaker, connections, dialing, retries
from chat.search.indexer import Indexer
from chat.security import limits
from chat.security.passwords import Passwords
from chat.services.accounts import approval, sessions
from chat.services.admin import audit, counts, grid_sql, pruning
from chat.services.replies import (
    branches,
    capacity,
    lease,
    send,
    snapshot,
    storing,
    takeover,
    thread_deletion,
    threads,
    tool_calls,
    worker,
)
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.live_text import LiveText
from chat.web import auth, compression, error_pages, kept, readiness, resources, security_headers, send_progress
from chat.web.admin import changes, lists
from chat.web.chat import feed, inbox, open_sockets, reconciler, socket, user_feed
from chat.web.server_patches import TrustedProxies


@dataclass(frozen=True)
class Part:
    """An attribute of a module or class of chat/."""

    owner: Any
    name: str

    def __post_init__(self) -> None:
        if not hasattr(self.owner, self.name):
            raise AttributeError(f"{self.owner} has no {self.name}: tests replace it. Write its new name here.")

    @property
    def value(self) -> Any:
        """The current value."""
        return getattr(self.owner, self.name)

    def replace(self, patch: pytest.MonkeyPatch, value: Any, *, of: Any = None) -> None:
        """Replace it until the patch is undone; for a method, `of` names the one object whose method is replaced."""
        patch.setattr(of or self.owner, self.name, value)

    def replace_in_this_process(self, value: Any) -> None:
        """Replace it until the process ends, which must be the test's own."""
        setattr(self.owner, self.name, value)


# Stores
COMMAND_TIMEOUT_SECONDS = Part(broadcast, "COMMAND_TIMEOUT_SECONDS")
CONNECT_TIMEOUT_SECONDS = Part(broadcast, "CONNECT_TIMEOUT_SECONDS")
OPEN_SECONDS = Part(broadcast, "OPEN_SECONDS")
BROADCAST_ANNOUNCE = Part(broadcast.Broadcast, "announce")
CHANNELS_CONNECT_SECONDS = Part(channels, "CONNECT_SECONDS")
SYNCHRONIZE = Part(channels._Connection, "_synchronize")
LOG_APPEND = Part(Log, "append")
LOG_READ = Part(Log, "read")
LOG_ENDS = Part(Log, "ends")
SESSION_SETTINGS = Part(address, "SESSION_SETTINGS")
ACQUIRE_SECONDS = Part(pool, "ACQUIRE_SECONDS")
AERICH = Part(database, "aerich")
QUERY_SECONDS = Part(pool, "QUERY_SECONDS")
RETRY_WITHIN_SECONDS = Part(pool, "RETRY_WITHIN_SECONDS")
POOL_ACQUIRE = Part(pool.Pool, "acquire")
COMMIT = Part(pool.OneConnection, "commit")
FETCH, EXECUTE = Part(pool.Connection, "fetch"), Part(pool.Connection, "execute")

# The model
MAX_RUNS = Part(ledger, "MAX_RUNS")
LLM_CLIENT = Part(client, "LLMClient")
TOKEN_PROGRAM = Part(tokens, "PROGRAM")
TOKEN_ENCODING = Part(token_table, "_encoding")
DRAIN_SECONDS = Part(connections, "DRAIN_SECONDS")
ADDRESSES = Part(dialing, "_addresses")
ERROR_SECONDS = Part(connections, "ERROR_SECONDS")
PAUSES = Part(retries, "PAUSES")
MAX_WAIT_SECONDS = Part(retries, "MAX_WAIT_SECONDS")
BREAKER_OPEN_SECONDS = Part(breaker, "OPEN_SECONDS")
BREAKER_ANSWERED = Part(breaker.Breaker, "answered")
RESUME_PAUSES = Part(retries, "RESUME_PAUSES")
RETRIES_ASYNCIO = Part(retries, "asyncio")

# Passwords
PASSWORDS_DEFAULTS = Part(Passwords.__init__, "__defaults__")

# Mail and limits
WAITING_MAX = Part(mailer, "WAITING_MAX")
REPLY_SECONDS = Part(mailer, "REPLY_SECONDS")
CLOSE_SECONDS = Part(mailer, "CLOSE_SECONDS")
LIMITS_WAIT = Part(limits.Limits, "wait_ms")
ANNOUNCE = Part(approval, "announce")
LOOK_SECONDS = Part(approval, "LOOK_SECONDS")
LIMIT_INTERVAL_MS = Part(limits.Limit, "interval_ms")
OWN_MAX_KEYS = Part(limits, "OWN_MAX_KEYS")

# Replies
HEARTBEAT_SECONDS = Part(worker, "HEARTBEAT_SECONDS")
SELF_FENCE_SECONDS = Part(lease, "SELF_FENCE_SECONDS")
REAPER_SECONDS = Part(worker, "REAPER_SECONDS")
IS_FULL = Part(capacity.Capacity, "is_full")
RUN_REPLY = Part(worker.Worker, "_run_reply")
STOP_REPLY = Part(worker.Worker, "_stop")
INDEXER_ADD = Part(Indexer, "add")
RUN_QUEUE = Part(worker.Worker, "_run_queue")
STORE_PAUSE_SECONDS = Part(lease, "PAUSE_SECONDS")
LEASE = Part(lease, "LEASE")
SENTRY_SDK = Part(error_reports, "sentry_sdk")
OPENTELEMETRY = Part(tracing, "trace")
COUNTS_SEND, COUNTS_SUMS = Part(counts.Counts, "_send"), Part(counts.Counts, "sums")
CHECKPOINT = Part(lease, "checkpoint")
SPARE = Part(lease, "SPARE")
RENEW_LEASES = Part(lease, "renew")
LEASE_STATEMENTS = (Part(lease, "CLAIM"), Part(lease, "RENEW"))
EXPIRED_STATEMENT = Part(lease, "EXPIRED")
EXPIRED = Part(lease, "expired")
DUE = Part(thread_deletion, "due")
LOST_ROUND = Part(takeover, "_lost_round")
SEND = Part(send, "_send")
MOST_VERSIONS = Part(storing, "MOST_VERSIONS")
MOST_BRANCHED = Part(branches, "MOST_MESSAGES")
MOST_BRANCHED_BYTES = Part(branches, "MOST_BYTES")
BEGIN_REPLY = Part(storing, "begin")
JOURNAL_BEGIN = Part(ReplyJournal, "begin")
JOURNAL_CREATED = Part(ReplyJournal, "created")
JOURNAL_SETTLE = Part(ReplyJournal, "settle")
LIVE_TEXT_ADD = Part(LiveText, "add")
LIVE_TEXT_NEXT_TICK = Part(LiveText, "next_tick")
LIVE_TEXT_TELL = Part(LiveText, "tell")
TOOL_CALLS_QUERY = Part(tool_calls, "query")
SNAPSHOT_MESSAGE_PAGE = Part(snapshot, "message_page")
CONTINUED = Part(snapshot, "_continued")
END_OF_LOG = Part(snapshot, "_end_of_log")
OWN_REV = Part(threads, "own_rev")

# Accounts and administration
FIND_SESSION = Part(sessions, "find_session")
AUDIT_RECORD = Part(audit, "record")
PRUNING_BATCH = Part(pruning, "BATCH")
GRID_PAGE = Part(grid_sql, "PAGE")
MOST_COUNTED = Part(grid_sql, "MOST_COUNTED")
EXPORTED = Part(grid_sql, "exported")
EXPORTED_AT_ONCE = Part(grid_sql, "EXPORTED_AT_ONCE")
AUDIT_CONTEXTS = (Part(changes, "audit_context"), Part(lists, "audit_context"))

# The site and its websockets
LOOK_FOR_PROGRESS_SECONDS = Part(send_progress, "LOOK_SECONDS")
READINESS_LIMIT_SECONDS = Part(readiness, "LIMIT_SECONDS")
READINESS_DOWN_SECONDS = Part(readiness, "DOWN_SECONDS")
GZIPPED = Part(compression, "_gzipped")
PAGE_RETRY_SECONDS = Part(error_pages, "UNAVAILABLE_RETRY_SECONDS")
RENDERED_ERROR = Part(error_pages, "render_template")
ESCAPE = Part(error_pages, "escape")
DISPATCH_WEBSOCKET = Part(app.App, "dispatch_websocket")
OPEN_SESSION = Part(SecureCookieSessionInterface, "open_session")
NONCE = Part(security_headers, "nonce")
CORRECTED = Part(TrustedProxies, "_corrected")
WANTS_JSON = Part(auth, "wants_json")
KEPT = Part(kept, "_kept")
PARSED_FIELDS = Part(formparser, "parse_qsl")
PARSED_PART = Part(MultipartDecoder, "next_event")
MESSAGE_RETRY_MS = Part(inbox, "UNAVAILABLE_RETRY_MS")
HELLO_SECONDS = Part(socket, "HELLO_SECONDS")
SUBSCRIBE_SECONDS = Part(socket, "SUBSCRIBE_SECONDS")
SUBSCRIBED = Part(socket.Socket, "_subscribed")
PING_SECONDS = Part(user_feed, "PING_SECONDS")
PONG_SECONDS = Part(user_feed, "PONG_SECONDS")
SESSION_SECONDS = Part(user_feed, "SESSION_SECONDS")
FEED_VIEW_THREAD = Part(feed, "view_thread")
CROWDED = Part(open_sockets.OpenSockets, "crowded")
LIST_SECONDS = Part(user_feed, "LIST_SECONDS")
SNAPSHOTS = Part(feed, "SNAPSHOTS")
TURN_SECONDS = Part(open_sockets, "TURN_SECONDS")
RECONCILER = Part(resources, "Reconciler")
RECONCILER_CHECK_SECONDS = Part(reconciler, "CHECK_SECONDS")
RECONCILER_QUIET_SECONDS = Part(reconciler, "QUIET_SECONDS")
RECONCILER_AGAIN_SECONDS = Part(reconciler, "AGAIN_SECONDS")
RECONCILER_DOUBT_SECONDS = Part(reconciler, "DOUBT_SECONDS")
RECONCILER_OUTAGE_SECONDS = Part(reconciler, "OUTAGE_SECONDS")

# Processes
ENGINE_PACKAGE = Part(launch, "ENGINE_PACKAGE")
MODEL_PACKAGE = Part(launch, "MODEL_PACKAGE")
LISTENING_LOOP = Part(server, "ListeningLoop")
BIND = Part(server, "_bind")
SERVE_HERE = Part(server, "_serve_here")
RESPAWN_MIN_SECONDS = Part(server, "RESPAWN_MIN_SECONDS")

# How long the site waits for its stores before it does without them.
STORE_TIMEOUTS = (
    COMMAND_TIMEOUT_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    ACQUIRE_SECONDS,
    QUERY_SECONDS,
    SUBSCRIBE_SECONDS,
    READINESS_LIMIT_SECONDS,
)


def replace_append_script(patch: pytest.MonkeyPatch, log: Log, script: Any) -> None:
    """The script is an attribute that each log makes for itself."""
    patch.setattr(log, "_append", script)
