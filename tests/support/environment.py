"""The environment of all tests: variables set on the machine for other programs reach no site, store or client.

Drivers and clients read variables by themselves: asyncpg PGPORT, the OpenAI client OPENAI_ORG_ID, httpx and websockets
HTTPS_PROXY, OpenSSL SSL_CERT_FILE. So every variable that is not known to be needed is removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping

INHERITED = dict(os.environ)  # for tests/live, which call the real API
KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TERM|TMPDIR|LANG|LC_\w+|LD_LIBRARY_PATH|DYLD_\w+|NIX_\w+|XDG_\w+|SYSTEMROOT"
    r"|PYTEST_\w+|PYTHON(DONTWRITEBYTECODE|UNBUFFERED|PYCACHEPREFIX|HASHSEED)|COV\w*|HYPOTHESIS_\w+|VIRTUAL_ENV|CI"
    r"|CHROMIUM|PLAYWRIGHT_\w+|DISPLAY|FIRST_SEED|SEEDS|WALKS|KILLS|SOCKETS|LOCK_SECONDS|ANSWERS"
)


def clean(environment: MutableMapping[str, str]) -> None:
    """Remove what tests don't need."""
    for name in list(environment):
        if not KEPT.fullmatch(name):
            del environment[name]
