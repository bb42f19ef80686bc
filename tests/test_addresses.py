"""DATABASE_URL and REDIS_URL as hosts give them: each parameter has its meaning, is ignored, or is refused."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from chat.broadcast.address import connection_options, is_unverified
from chat.database.address import IGNORED, credentials, ignored, is_pooled
from chat.settings import Settings, SettingsError
from tests.support.certificates import new_certificate
from tests.support.production import PRODUCTION

HOSTS = {
    "Neon": (
        "postgresql://neondb_owner:npg_a1@ep-cool-1.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
        ("ep-cool-1.eu-central-1.aws.neon.tech", 5432, "neondb_owner", "npg_a1", "neondb", "require"),
    ),
    "Neon, for drivers without SNI": (
        "postgres://o:x@ep-1.neon.tech/neondb?sslmode=require&options=endpoint%3Dep-cool-1&connect_timeout=10",
        ("ep-1.neon.tech", 5432, "o", "x", "neondb", "require"),
    ),
    "Heroku": (
        "postgres://u4k:p1a2@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1f2",
        ("ec2-1-2-3-4.compute-1.amazonaws.com", 5432, "u4k", "p1a2", "d1f2", "prefer"),
    ),
    "Supabase, its transaction pooler": (
        "postgresql://postgres.abcdef:pa%23ss@aws-0-eu.pooler.supabase.com:6543/postgres?pgbouncer=true&connection_limit=1",
        ("aws-0-eu.pooler.supabase.com", 6543, "postgres.abcdef", "pa#ss", "postgres", "prefer"),
    ),
    "Render": (
        "postgresql://me:pw@dpg-1a-a.frankfurt-postgres.render.com/chat_1a",
        ("dpg-1a-a.frankfurt-postgres.render.com", 5432, "me", "pw", "chat_1a", "prefer"),
    ),
    "RDS": (
        "postgresql://me:pw@db.1a.eu-west-1.rds.amazonaws.com:5432/chat?ssl=true",
        ("db.1a.eu-west-1.rds.amazonaws.com", 5432, "me", "pw", "chat", "require"),
    ),
    "Azure": (
        "postgres://me%40server:p%40ss%2Fword@server.postgres.database.azure.com:5432/chat?sslmode=require",
        ("server.postgres.database.azure.com", 5432, "me@server", "p@ss/word", "chat", "require"),
    ),
    "DigitalOcean": (
        "postgresql://doadmin:AVNS_x@db-do-user-1-0.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
        ("db-do-user-1-0.b.db.ondigitalocean.com", 25060, "doadmin", "AVNS_x", "defaultdb", "require"),
    ),
    "Fly": (
        "postgres://chat:pw@chat-db.flycast:5432/chat?sslmode=disable",
        ("chat-db.flycast", 5432, "chat", "pw", "chat", "disable"),
    ),
    "a socket in the query": (
        "postgres://chat@/chat?host=/cloudsql/project:region:name",
        ("/cloudsql/project:region:name", 5432, "chat", None, "chat", "prefer"),
    ),
    "a socket in the place of the host": (
        "postgres://chat@%2Fvar%2Frun%2Fpostgresql/chat",
        ("/var/run/postgresql", 5432, "chat", None, "chat", "prefer"),
    ),
    "all in the query": (
        "postgresql:///?host=db.internal&port=6432&user=me&password=p%26w&dbname=chat&application_name=chat",
        ("db.internal", 6432, "me", "p&w", "chat", "prefer"),
    ),
    "IPv6": ("postgres://me:pw@[2001:db8::1]:6432/chat", ("2001:db8::1", 6432, "me", "pw", "chat", "prefer")),
    "several hosts": (
        "postgres://me:pw@one,two:6432/chat?target_session_attrs=read-write",
        (["one", "two"], 6432, "me", "pw", "chat", "prefer"),
    ),
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_url_is_understood_as_a_host_gives_it(host: str) -> None:
    url, expected = HOSTS[host]
    known = credentials(url)

    assert tuple(known[name] for name in ("host", "port", "user", "password", "database", "ssl")) == expected


def test_what_only_the_server_understands_is_passed_on() -> None:
    known = credentials(
        "postgres://db/chat?options=-csearch_path%3Dmine&application_name=x&target_session_attrs=primary"
    )

    assert known["server_settings"]["options"] == "-csearch_path=mine"
    assert known["server_settings"]["application_name"] == "x"
    assert known["server_settings"]["statement_timeout"] == "15s"
    assert known["target_session_attrs"] == "primary"
    assert credentials("postgres://db/c?sslmode=require&sslnegotiation=direct")["direct_tls"] is True


def test_a_pooler_gets_neither_settings_of_sessions_nor_prepared_statements() -> None:
    known = credentials("postgres://db/chat?pgbouncer=true")

    assert known["server_settings"] == {"application_name": "chat"}
    assert known["statement_cache_size"] == 0
    assert is_pooled("postgres://db/chat?pgbouncer=true")
    assert "statement_cache_size" not in credentials("postgres://db/chat?pgbouncer=false")


@pytest.mark.parametrize("name", IGNORED)
def test_what_has_no_meaning_here_is_ignored_and_said(name: str) -> None:
    url = f"postgres://db/chat?{name}=1"

    assert credentials(url) == credentials("postgres://db/chat")
    assert ignored(url) == [f"{name} is ignored: {IGNORED[name]}"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://db/chat?sslmode=maybe", "has sslmode=maybe: choose one of disable, allow, prefer, require"),
        ("postgres://db/chat?pgbouncer=yes", "has pgbouncer=yes: write true or false"),
        ("postgres://db/chat?target_session_attrs=standby", "but the site writes: write read-write"),
        ("postgres://db/chat?sslnegotiation=maybe", "write postgres or direct"),
        ("postgres://db/chat?service=mine", "write what the service file says into the URL"),
        ("postgres://db/chat?schema=mine", "write options=-csearch_path%3DNAME"),
        ("postgres://db/chat?frobnicate=9", "the parameter frobnicate: the site does not know it, remove it"),
        ("postgres://db:x/chat", "a port that is not a number: in a password, write @ as %40"),
        ("postgres://one:1,two:2/chat", "hosts with different ports"),
        ("postgres://me:sec#ret@db/chat", "has a # in it: in a password, write @ as %40, # as %23"),
        ("postgres://me:sec?ret@db/chat", "in a password"),
        ("postgres://db/chat?sslmode=require&ret@db=x", "has a ? or & that no parameter follows: in a password"),
        ("postgres://me:sec/ret@db/chat", "a port that is not a number: in a password"),
        ("postgres://me:[secret@db/chat", "is not a URL: in a password"),
        ("postgres://me:sec\u2100ret@db/chat", "is not a URL: in a password"),
        ("postgres://db/c?sslmode=verify-ca&sslrootcert=/none", "check sslrootcert, sslcert and sslkey"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_what_to_do(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as refused:
        credentials(url)

    assert said in str(refused.value)
    assert not any(part in str(refused.value) for part in ("sec#", "sec?", "secret", "ret@", "\u2100"))


def test_certificates_are_checked_as_libpq_checks_them(tmp_path: Path) -> None:
    authority = f"{new_certificate(tmp_path, 'DNS:db')}.crt"

    def context(parameters: str) -> Any:
        return credentials(f"postgres://db/chat?{parameters}")["ssl"]

    for parameters in ("sslmode=verify-full", "sslrootcert=system", "sslmode=require&sslrootcert=system"):
        assert (context(parameters).verify_mode, context(parameters).check_hostname) == (ssl.CERT_REQUIRED, True)
    for parameters in ("sslmode=verify-ca", f"sslmode=require&sslrootcert={authority}"):
        assert (context(parameters).verify_mode, context(parameters).check_hostname) == (ssl.CERT_REQUIRED, False)
    own = context(f"sslmode=require&sslcert={tmp_path}/server.pem")
    assert (own.verify_mode, own.check_hostname) == (ssl.CERT_NONE, False)
    assert (context("ssl=false"), context("ssl=0"), context("ssl=no-verify")) == ("disable", "disable", "require")


REDIS = {
    "redis://localhost": {"host": "localhost", "port": 6379, "db": 0, "password": None},
    "redis://:p%40ss@host:6380/2": {"host": "host", "port": 6380, "db": 2, "password": "p@ss"},
    "redis://red-1a:6379": {"host": "red-1a"},
    "rediss://default:pw@x.upstash.io:6379?family=0": {
        "username": "default",
        "password": "pw",
        "ssl_check_hostname": True,
    },
    "valkeys://me:pw@valkey.aivencloud.com:1234": {"host": "valkey.aivencloud.com", "ssl_cert_reqs": "required"},
    "unix:///run/redis%20one/s.sock?db=3&password=pw": {"path": "/run/redis one/s.sock", "db": 3, "password": "pw"},
    "rediss://h/0?ssl_cert_reqs=CERT_NONE": {"ssl_cert_reqs": "none", "ssl_check_hostname": False},
    "rediss://h?ssl_check_hostname=false": {"ssl_cert_reqs": "required", "ssl_check_hostname": False},
    "redis://[::1]:6379/0?socket_timeout=1&max_connections=9": {"host": "::1"},
}


@pytest.mark.parametrize("url", REDIS)
def test_a_redis_url_is_understood_as_a_host_gives_it(url: str) -> None:
    options = connection_options(url)

    assert {name: options[name] for name in REDIS[url]} == REDIS[url]
    assert not {"socket_timeout", "max_connections"} & set(options), "the site's own limits count"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://host/cache", "names a database that is not a number: write it like /0"),
        ("redis://host:x", "a port that is not a number"),
        ("redis://one:1,two:2", "Sentinel and Cluster are not supported"),
        ("redis://host?frobnicate=1", "the parameter frobnicate: the site does not know it"),
        ("redis://host?ssl_cert_reqs=none", "the parameter ssl_cert_reqs"),
        ("rediss://host?ssl_cert_reqs=maybe", "choose one of none, optional, required"),
        ("redis://:sec#ret@host", "has a # in it: in a password"),
        ("redis://:sec/ret@host", "in a password"),
        ("redis://:sec?ret@host", "in a password"),
    ],
)
def test_what_a_redis_url_can_not_mean_is_refused(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL") as refused:
        connection_options(url)

    assert said in str(refused.value)
    assert "ret@" not in str(refused.value)


def test_the_certificate_of_redis_is_verified_as_the_setting_says(tmp_path: Path) -> None:
    authority = f"{new_certificate(tmp_path, 'DNS:redis')}.crt"
    url = "rediss://:pw@host:6380"

    assert connection_options(url)["ssl_cert_reqs"] == "required"
    assert connection_options(url, authority)["ssl_ca_certs"] == authority
    assert connection_options(url, "off")["ssl_cert_reqs"] == "none"
    assert connection_options(f"{url}?ssl_cert_reqs=required", "off")["ssl_cert_reqs"] == "required", (
        "the URL is nearer"
    )
    assert (is_unverified(url), is_unverified(url, "off"), is_unverified("redis://host")) == (False, True, False)

    def refused(**more: str) -> str:
        with pytest.raises(SettingsError) as error:
            Settings.from_environment({**PRODUCTION, "REDIS_URL": url, **more})
        return str(error.value)

    assert (
        Settings.from_environment({**PRODUCTION, "REDIS_URL": url, "REDIS_TLS_VERIFY": "Off"}).redis_tls_verify == "off"
    )
    assert "set on, off, or the path of a file with certificates" in refused(REDIS_TLS_VERIFY="/none")
    assert "set on, off, or the path of a file with certificates" in refused(REDIS_TLS_VERIFY=__file__)
    assert "REDIS_URL has no TLS: write rediss://" in refused(REDIS_TLS_VERIFY="off", REDIS_URL="redis://host")
