"""Settings: read from the environment, refused all at once, and documented to the last one."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import string
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from chat.llm import token_table
from chat.settings import Settings, SettingsError, variable, variables
from chat.settings.listing import environment_example, settings_document
from chat.settings.local import exposed_by_debug
from chat.settings.parsing import parser_of
from chat.settings.secret_key import is_guessable
from tests.support.production import PRODUCTION

ROOT = Path(__file__).parents[1]


def test_a_complete_production_environment_is_accepted() -> None:
    settings = Settings.from_environment(PRODUCTION)

    assert settings.public_url == "https://chat.example.com"
    assert settings.email_verification_required is True
    assert settings.debug is False


def test_production_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({})

    named = {problem.split()[0] for problem in refused.value.problems}
    assert named == {
        "SECRET_KEY",
        "PUBLIC_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "OPENAI_API_KEY",
        "EMAIL_BACKEND",
        "SIGNUP",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 64),
        ("SECRET_KEY", "changeme" * 8),
        ("PUBLIC_URL", "http://chat.example.com"),
        ("PUBLIC_URL", "chat.example.com"),
        ("DATABASE_URL", "mysql://db/chat"),
        ("REDIS_URL", "memcached://x"),
        ("RATE_LIMITS", "off"),
        ("DEV_SUPERUSER_EMAIL", "root@example.com"),
        ("DEV_SUPERUSER_PASSWORD", "whatever-it-is"),
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("WEB_CONCURRENCY", "0"),
        ("DATABASE_POOL_SIZE", "1"),
        ("DATABASE_POOL_SIZE", "101"),
        ("STREAM_FLUSH_MS", "-1"),
        ("TEST_APIS", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("PASSWORD_MIN_LENGTH", "7"),
        ("SMTP_TLS", "ssl"),
        ("STARTERS", "a|b|c|d|e"),
        ("STARTERS", "x" * 201),
        ("STARTERS", "two\nlines"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**PRODUCTION, name: value})

    assert [problem.split()[0] for problem in refused.value.problems] == [name]


def hexed(data: bytes) -> str:
    return data.hex()


def base64d(data: bytes) -> str:
    return base64.b64encode(data).decode()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


GUESSABLE = [
    "correct-horse-battery-staple-correct-horse", "elephant umbrella mountain river sky",
    "The quick brown fox jumps over the lazy dog", "this-is-the-secret-key-of-our-chat-server",
    "Donaudampfschifffahrtsgesellschaftskapitaen", "nevergonnagiveyouupnevergonnaletyoudown",
    "TheCompanyName-Chat-SecretKey-Prod-2026-v1", "MySecretKey2024!ForChatApp#Production",
    "s3cr3t-k3y-f0r-my-ch4t-4pp-pr0duct10n", "P@ssw0rd!P@ssw0rd!P@ssw0rd!P@ssw0rd!",
    "your-super-secret-jwt-token-with-at-least-32-characters-long", "only-for-tests-0123456789-abcdefghijklmnop",
    "django-insecure-" + secrets.token_urlsafe(40), "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
    "a-string-secret-at-least-256-bits-long", "cryptography_not_found_storing_passwords_in_plain_text",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "192B9BDD22AB9ED4D12E236C78AFCB9A393EC15F71BBF5DC987D54727823BCBF",
    "'c292a0a3aa32397cdb050e233733900f'", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "qwertyuiopasdfghjklzxcvbnm1234567890", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "zaq12wsxcde34rfvbgt56yhnmju78ik,.lo9", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "aabbccddeeffgghhiijjkkllmmnnooppqqrrss", "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8",
    "0123456789abcdef0123456789abcdef", "deadbeefdeadbeefdeadbeefdeadbeefcafe",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "3141592653589793238462643383279502884197",
    "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100", secrets.token_hex(8) * 4,
    secrets.token_urlsafe(6) * 8, secrets.token_hex(8) + "-" * 40, "password" * 4 + secrets.token_hex(4),
    "пароль-от-нашего-чата-на-сервере", "秘密" * 20, "passwörter-sind-keine-schlüssel-für-server",
]  # fmt: skip


@pytest.mark.parametrize("key", GUESSABLE, ids=range(len(GUESSABLE)))
def test_a_key_that_can_be_guessed_is_refused(key: str) -> None:
    for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        with pytest.raises(SettingsError) as refused:
            Settings.from_environment({**PRODUCTION, name: key})

        assert [problem.split()[0] for problem in refused.value.problems] == [name]
        assert key not in str(refused.value)


ALSO_GUESSABLE = [
    *(encode(one) for encode in (hexed, base64d, base64url) for one in (
        b"password" * 4, b"mysupersecretkeythatnobodyknows", b"0123456789abcdef" * 2, "пароль-от-нашего-чата".encode(),
        b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", bytes(range(32)), b"\0" * 32,
    )),
    *(digest(word + end).hexdigest() for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512)
      for word in (b"", b"password", b"secret", b"test", b"admin", b"iloveyou") for end in (b"", b"\n")),
    base64d(hashlib.sha256(b"password").digest()), "base64:" + base64d(b"password" * 4),
    "sha256:" + hashlib.sha256(b"test").hexdigest()[:32], str(uuid.UUID(hashlib.md5(b"secret").hexdigest())).upper(),
    "cafebabedeadbeef0badf00ddefec8ed", "123e4567-e89b-12d3-a456-426614174000", "550e8400-e29b-41d4-a716-446655440000",
    "3.14159265358979323846264338327950288", "2.718281828459045235360287471352662",
    "14142135623730950488016887242096980785", "1.6180339887498948482045868343656381177",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "MeinGeheimesPasswortFuerDieSeite123", "Il0veMyD0gM4xAndMyC4tF3l1x!2019!!", "MonMotDePasseTresSecretPourLeSite!",
]  # fmt: skip


def test_an_encoded_key_a_hash_of_a_word_and_a_printed_key_are_refused() -> None:
    token_table.load()
    assert [key for key in ALSO_GUESSABLE if not is_guessable(key)] == []


RANDOM: dict[str, Callable[[], str]] = {
    "token_hex(16)": lambda: secrets.token_hex(16),
    "token_hex(32)": lambda: secrets.token_hex(32),
    "upper case": lambda: secrets.token_hex(32).upper(),
    "token_urlsafe(24)": lambda: secrets.token_urlsafe(24),
    "token_urlsafe(32)": lambda: secrets.token_urlsafe(32),
    "token_urlsafe(48)": lambda: secrets.token_urlsafe(48),
    "token_urlsafe(96)": lambda: secrets.token_urlsafe(96),
    "base64": lambda: base64d(secrets.token_bytes(32)),
    "Laravel's": lambda: "base64:" + base64d(secrets.token_bytes(32)),
    "ASCII": lambda: "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40)),
    "hexadecimal in base64": lambda: base64d(secrets.token_hex(16).encode() + b"\n"),
    "base32": lambda: base64.b32encode(secrets.token_bytes(25)).decode(),
    "two UUIDs": lambda: f"{uuid.uuid4()}{uuid.uuid4()}",
    "Django's": lambda: "".join(
        secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)") for _ in range(50)
    ),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_no_random_key_is_refused(kind: str) -> None:
    """The bounds leave one in a hundred million; see the figures in chat/settings/secret_key.py."""
    token_table.load()  # a process for each key would take minutes
    assert [key for key in (RANDOM[kind]() for _ in range(300)) if is_guessable(key)] == []


def test_former_keys_are_separated_by_commas_and_secret() -> None:
    former = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
    settings = Settings.from_environment({**PRODUCTION, "SECRET_KEY_FALLBACKS": " , ".join(former)})

    assert settings.secret_key_fallbacks == former
    assert former[0] not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "0.0.0.0"),
        ("HOST", "::"),
        ("HOST", "192.168.1.5"),
        ("PUBLIC_URL", "https://chat.example.com"),
        ("PUBLIC_URL", "http://localhost.example.com"),
        ("ALLOWED_HOSTS", "localhost, chat.example.com"),
        ("TRUSTED_PROXIES", "1"),
    ],
)
def test_a_site_that_others_can_reach_is_not_served_with_debug_on(name: str, value: str) -> None:
    settings = Settings.from_environment({"DEBUG": "True", name: value})

    assert [problem.split()[0] for problem in exposed_by_debug(settings)] == [name]
    assert "DEBUG=False" in exposed_by_debug(settings)[0]
    assert exposed_by_debug(Settings.from_environment({**PRODUCTION, "HOST": "0.0.0.0"})) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_site_for_this_machine_only_may_have_debug_on(host: str) -> None:
    url = f"http://[{host}]:8000" if ":" in host else f"http://{host}:8000"
    local = {"DEBUG": "True", "HOST": host, "PUBLIC_URL": url, "ALLOWED_HOSTS": "chat.localhost"}

    assert exposed_by_debug(Settings.from_environment(local)) == []


def test_production_refuses_the_administrator_of_development_and_says_what_to_do_instead() -> None:
    administrator = {"DEV_SUPERUSER_EMAIL": "root@example.com", "DEV_SUPERUSER_PASSWORD": "a-good-long-passphrase-7"}
    with pytest.raises(SettingsError, match="remove it, and create administrators with `chat create-admin`") as refused:
        Settings.from_environment({**PRODUCTION, **administrator})

    assert [problem.split()[0] for problem in refused.value.problems] == list(administrator)
    assert administrator["DEV_SUPERUSER_PASSWORD"] not in str(refused.value)
    assert Settings.from_environment({**PRODUCTION, **administrator, "DEBUG": "True"}).dev_superuser_email


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environment({**PRODUCTION, "PORT": " ", "LLM_MODEL": ""}).port == 8000


def test_starters_are_separated_by_bars_and_can_be_turned_off() -> None:
    def starters_of(**environment: str) -> tuple[str, ...]:
        return Settings.from_environment({**PRODUCTION, **environment}).starters

    assert starters_of(STARTERS=" Plan, a trip | | כתוב שיר | 👩‍🚀! |") == ("Plan, a trip", "כתוב שיר", "👩‍🚀!")
    assert starters_of(STARTERS=" ") == starters_of(STARTERS="|") == ()
    assert len(starters_of()) == 4
    assert starters_of(STARTERS=str(Settings().starters)) == starters_of()


@pytest.mark.parametrize(
    ("value", "advice"),
    [("a|b|c|d|e", "at most 4, separated by |"), ("x" * 201, "shorten it to 200"), ("a\u2028b", "on one line")],
)
def test_starters_that_cannot_be_shown_are_refused_with_advice(value: str, advice: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(advice)):
        Settings.from_environment({**PRODUCTION, "STARTERS": value})


def test_lists_are_separated_by_commas() -> None:
    settings = Settings.from_environment({**PRODUCTION, "ALLOWED_HOSTS": "a.example.com, b.example.com,"})

    assert settings.allowed_hosts == ("a.example.com", "b.example.com")


def test_secrets_are_not_in_the_representation() -> None:
    text = repr(Settings.from_environment({**PRODUCTION, "SMTP_PASSWORD": "mail-secret"}))

    assert not any(secret in text for secret in ("kJ8s", "sk-test", "mail-secret", ":secret@"))


def test_every_setting_is_in_the_example_file_and_in_the_docs() -> None:
    example, document = (ROOT / ".env.example").read_text(), (ROOT / "docs" / "settings.md").read_text()

    assert example == environment_example(), "run `chat settings --env-example > .env.example`"
    assert document == settings_document(), "run `chat settings > docs/settings.md`"
    assert all(variable(item) in example and variable(item) in document for item in variables())


def test_a_setting_of_a_new_type_says_where_its_parser_goes() -> None:
    with pytest.raises(TypeError, match=r"add its parser to PARSERS in chat\.settings\.parsing"):
        parser_of(complex)


@pytest.mark.parametrize(
    "text",
    [
        "gpt-5",
        "gpt-5=",
        "gpt-5=1",
        "gpt-5=1/2/3/4/5",
        "gpt-5=1e30/1",
        "gpt-5=1//2",
        "gpt-5=a/b",
        "=1/2",
        "gpt-5=-1/2",
        "gpt-5=0.0000001/1",
        "gpt-5=NaN/1",
    ],
)
def test_an_invalid_price_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"LLM_PRICES .*"):
        Settings.from_environment({**PRODUCTION, "LLM_PRICES": text})


def test_prices_are_for_input_cached_input_cache_writes_and_output() -> None:
    settings = Settings.from_environment(
        {**PRODUCTION, "LLM_PRICES": "small = 0.25/0.025/2, own=0/0, a/b:free=1/0.1/1.25/5"}
    )

    assert dict(settings.llm_prices) == {
        "small": (Decimal("0.25"), Decimal("0.025"), Decimal("0.25"), Decimal(2)),
        "own": (Decimal(0), Decimal(0), Decimal(0), Decimal(0)),
        "a/b:free": (Decimal(1), Decimal("0.1"), Decimal("1.25"), Decimal(5)),
    }


@pytest.mark.parametrize("variable", ["LLM_MODEL", "LLM_MODELS", "LLM_TITLE_MODEL"])
def test_a_model_s_name_has_to_fit_where_it_is_stored(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} has a name of more than 100 characters"):
        Settings.from_environment({**PRODUCTION, variable: "m" * 101})


MODELS = '[[provider]]\nname = "one"\nkey_env = "ONE_KEY"\n[[model]]\nid = "a"\n[[model]]\nid = "b"\nlabel = "B"\n'
OF_A_FILE = {name: value for name, value in PRODUCTION.items() if name != "OPENAI_API_KEY"} | {"ONE_KEY": "secret-one"}


def file_problems(**environment: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**OF_A_FILE, **environment})
    return refused.value.problems


def test_a_models_file_replaces_the_variables_of_one_provider(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(MODELS)
    settings = Settings.from_environment({**OF_A_FILE, "MODELS_FILE": str(path)})
    path.unlink()  # it is read once

    assert settings.models == ("one/a", "one/b")
    assert settings.catalogue.providers[0].api_key == "secret-one"
    assert "secret-one" not in repr(settings)
    assert Settings.from_environment({**OF_A_FILE, "MODELS_TOML": MODELS}).catalogue == settings.catalogue


def test_a_models_file_has_no_rival() -> None:
    rivals = {"LLM_MODEL": "a", "LLM_MODELS": "b", "LLM_TITLE_MODEL": "c", "OPENAI_BASE_URL": "http://x/v1"}

    assert file_problems(MODELS_TOML=MODELS, **rivals) == [
        f"{name} is set, and so is MODELS_TOML, which replaces it: unset {name}" for name in rivals
    ]
    assert "MODELS_TOML is set, and so is MODELS_FILE: unset one of the two" in file_problems(
        MODELS_TOML=MODELS, MODELS_FILE="x"
    )


def test_problems_of_a_models_file_are_named_with_all_others() -> None:
    assert file_problems(PORT="x", MODELS_TOML=f"{MODELS}price='x'\nfallback=['c']") == [
        "PORT is 'x': set a whole number",
        "MODELS_TOML model[2].price: write it like 1.25/0.125/10, at most 1,000,000 and with at most 6 decimals",
        'MODELS_TOML model[2].fallback: no model named "c" in this file; the models are "one/a", "one/b"',
    ]


def test_a_models_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"

    def said() -> str:
        [problem] = file_problems(MODELS_FILE=str(path))
        return problem.removeprefix(f"MODELS_FILE '{path}' ")

    assert said() == "can't be read: No such file or directory"
    path.mkdir()
    assert said() == "is not a file"
    path.rmdir()
    os.mkfifo(path)
    assert said() == "is not a file"
    path.unlink()
    path.write_bytes(b"\n\n# caf\xe9\n")
    assert said() == "is not UTF-8 (first bad line: 3): save it as UTF-8"
    path.write_bytes(MODELS.encode("utf-16"))
    assert said() == "is not UTF-8 (first bad line: 1): save it as UTF-8"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    assert said() == "has more than 256 KiB, so it is not a models file"
    here = Path.cwd()
    assert file_problems(MODELS_FILE="a\0b") == [f"MODELS_FILE '{here}/a\\x00b' can't be read: embedded null byte"]
    assert file_problems(MODELS_FILE="none.toml") == [
        f"MODELS_FILE '{here}/none.toml' can't be read: No such file or directory"
    ]
