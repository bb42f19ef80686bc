"""Tests run the same on every machine: variables set there for other programs do not reach them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from chat.settings import variable, variables
from tests.support.environment import clean

PROJECT = Path(__file__).parents[1]
HOSTILE = {
    **dict.fromkeys(("PGHOST", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGDATABASE", "PGSSLMODE", "PGOPTIONS"), "wrong"),
    **dict.fromkeys(("PGPORT", "PGPASSFILE", "PGSSLROOTCERT", "PGTARGETSESSIONATTRS", "PGSSLNEGOTIATION"), "1"),
    **dict.fromkeys(("http_proxy", "HTTPS_PROXY", "all_proxy", "ws_proxy", "WSS_PROXY"), "http://127.0.0.1:1"),
    **dict.fromkeys(("DATABASE_URL", "REDIS_URL", "OPENAI_BASE_URL", "PUBLIC_URL"), "mysql://wrong:x@127.0.0.1:1/"),
    **dict.fromkeys(("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_LOG", "MODELS_TOML"), "wrong"),
    **dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE"), "/nowhere/file"),
    **{"PORT": "many", "DEBUG": "perhaps", "TZ": "Asia/Tokyo", "COLUMNS": "20", "FORCE_COLOR": "1", "FAULTS": "wrong"},
}  # fmt: skip


def test_no_setting_and_no_hostile_variable_is_kept() -> None:
    settings = {variable(item): "wrong" for item in variables()}
    surroundings = {"PATH": "/bin", **settings, **HOSTILE}

    clean(surroundings)

    assert surroundings == {"PATH": "/bin"}


def test_every_test_process_begins_by_cleaning_up() -> None:
    ask = "import json, os, tests.conftest; print(json.dumps(dict(os.environ)))"
    shown = subprocess.run(
        [sys.executable, "-c", ask], cwd=PROJECT, env=os.environ | HOSTILE, capture_output=True, check=True
    )

    assert not set(HOSTILE) & set(json.loads(shown.stdout))


def test_make_lets_python_keep_what_it_has_compiled() -> None:
    """On machines that forbid it, too: a run of all tests starts hundreds of processes."""
    make = ("make", "--silent", "--file=Makefile", "--file=-", "shown")
    forbidding = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    shown = subprocess.run(
        make, cwd=PROJECT, env=forbidding, input="shown: ; @env", stdout=subprocess.PIPE, text=True, check=True
    ).stdout

    assert "PATH=" in shown
    assert "PYTHONDONTWRITEBYTECODE" not in shown
