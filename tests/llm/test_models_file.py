"""The models file: what it makes, and that each problem is named with its key, all at once, without secrets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.llm.catalogue import Catalogue
from chat.llm.models_file import ModelsError, parse_models
from chat.llm.price import parse_price
from chat.llm.provider.request import LEAVABLE
from chat.llm.toml_table import looks_like_key

EXAMPLE = (Path(__file__).parents[2] / "models.toml.example").read_text()
KEYS = {"OPENAI_API_KEY": "sk-1", "OPENROUTER_API_KEY": " or-2 ", "EMPTY_KEY": " ", "ODD_KEY": "sk-…"}
SECRET = "sk-proj-abcdefghijklmnop1234"
PROVIDER = '[[provider]]\nname = "one"\nbase_url = "http://one/v1"\n'
TWO = f'{PROVIDER}[[provider]]\nname = "two"\n'
MODEL = '[[model]]\nid = "m"\n'
HIDDEN = '[[model]]\nid = "h"\nname = "h"\nhidden = true\n'


def parsed(text: str) -> Catalogue:
    return parse_models(text, KEYS)


def problems(text: str) -> list[str]:
    with pytest.raises(ModelsError) as raised:
        parsed(text)
    return raised.value.problems


def test_the_example_is_a_models_file() -> None:
    catalogue = parsed(EXAMPLE)

    assert [(spec.name, spec.api_key, spec.reuse_connections) for spec in catalogue.providers] == [
        ("openai", "sk-1", True),
        ("openrouter", "or-2", True),
        ("local", "", False),
    ]
    luna, sol, mistral, gemma = catalogue.models
    assert (catalogue.default, catalogue.for_titles) == (luna, luna)
    assert (sol.name, sol.label, sol.fallback) == ("openai/gpt-6.1-sol", "Sol (thorough)", ("gpt-6-luna",))
    assert (mistral.context, mistral.max_output, mistral.vision, mistral.tools) == (131_072, 16_384, True, True)
    assert (mistral.price, gemma.price) == (parse_price("0.4/2"), parse_price("0/0"))
    assert (gemma.name, gemma.tools, gemma.leave_out) == ("local/gemma-3", False, {"reasoning.summary"})


def test_one_provider_and_one_model_need_no_more_than_an_id() -> None:
    [model] = parsed(PROVIDER + MODEL).models

    assert (model.name, model.id, model.provider, model.label) == ("one/m", "m", "one", "one/m")
    assert (model.tools, model.vision, model.context, model.price, model.hidden) == (True, False, None, None, False)


def test_a_name_that_begins_with_its_provider_need_not_name_it_again() -> None:
    assert parsed(f'{TWO}{MODEL}name = "two/small"').default.provider == "two"


def test_the_default_model_comes_first_and_hidden_ones_are_not_offered() -> None:
    hidden = '[[model]]\nid = "titles"\nname = "titles"\nhidden = true\n'
    others = "".join(f'[[model]]\nid = "{name}"\nname = "{name}"\n' for name in "ab")
    chosen = parsed(f'default_model = "b"\ntitle_model = "titles"\n{PROVIDER}{hidden}{others}')

    assert [model.name for model in chosen.offered] == ["b", "a"]
    assert chosen.for_titles.name == "titles"
    assert parsed(PROVIDER + hidden + others).default.name == "a"


def test_what_a_provider_leaves_out_its_models_leave_out_too() -> None:
    text = f'{PROVIDER}leave_out = ["store", "tools"]\n{MODEL}leave_out = ["metadata"]'
    assert parsed(text).default.leave_out == {"store", "metadata", "tools"}
    assert not parsed(text).default.tools


@pytest.mark.parametrize("text", [EXAMPLE.replace("\n", "\r\n"), "\ufeff" + EXAMPLE])
def test_files_of_other_systems_are_read(text: str) -> None:
    assert parsed(text) == parsed(EXAMPLE)


FILES = [
    ("", "provider: is missing: the file needs at least one [[provider]]"),
    (PROVIDER, "model: is missing: the file needs at least one [[model]]"),
    ("model = ", "is not valid TOML: Invalid value (at end of document)"),
    ("\n\nmodel\n", "is not valid TOML: Expected '=' after a key in a key/value pair (at line 3, column 6)"),
    (f"{PROVIDER}[model]\nid='m'", "model: must be written as [[model]], with two brackets, not a table"),
    (f"model = [1]\n{PROVIDER}", "model: must be tables, each starting with [[model]]"),
    (
        f"modes = 1\n{PROVIDER}{MODEL}",
        "modes: is unknown; the keys here are provider, model, default_model, title_mod",
    ),
    (f"{PROVIDER}[[model]]\n", "model[1].id: is missing"),
    (f"{PROVIDER}[[model]]\nid = ' '", "model[1].id: is missing"),
    (f"{PROVIDER}[[model]]\nid = 5", "model[1].id: must be a string, not a whole number"),
    (f'{PROVIDER}[[model]]\nid = "a\\u0000"', "model[1].id: has a character that can't be shown, like a line break"),
    (f"{PROVIDER}[[model]]\nid = '{'x' * 201}'", "model[1].id: has 201 characters; the maximum is 200"),
    (f"{PROVIDER}{MODEL}{MODEL}", 'model[2].name: "one/m" is taken by model[1]'),
    (f"{PROVIDER}{MODEL}label='L'\n{MODEL}name='n'\nlabel='L'", 'model[2].label: "L" is taken by model[1]'),
    (f"{PROVIDER}{PROVIDER}{MODEL}provider='one'", 'provider[2].name: "one" is taken by provider[1]'),
    (f"{TWO}{MODEL}", 'model[1].provider: is missing; the providers are "one", "two"'),
    (
        f"{TWO}{MODEL}provider = 'three'",
        'model[1].provider: no provider named "three" in this file; the providers are "one',
    ),
    (f"{PROVIDER}{MODEL}hidden = true", "model: all are hidden, so users would have none to choose"),
    (
        f"default_model = 'x'\n{PROVIDER}{MODEL}",
        'default_model: no model named "x" in this file; the models are "one/m"',
    ),
    (f"title_model = 'y'\n{PROVIDER}{MODEL}", 'title_model: no model named "y" in this file'),
    (f"default_model = 'h'\n{PROVIDER}{MODEL}{HIDDEN}", "default_model: is hidden, so no one could choose it"),
    (f"x = {'[' * 100_000}", "is nested too deeply"),
]


@pytest.mark.parametrize(("text", "said"), FILES, ids=range(len(FILES)))
def test_each_problem_is_named_with_its_key(text: str, said: str) -> None:
    assert problems(text)[0].startswith(said)


OF_A_PROVIDER = [
    ("", "name: is missing"),
    ("name = 'a b'", "name: may contain only these characters: A-Z a-z 0-9 . _ -"),
    ("name = 'a'\nreuse_connections = 'yes'", "reuse_connections: must be true or false, not a string"),
    ("name = 'a'\nkey_env = 'MISSING_KEY'", "key_env: MISSING_KEY is not set in the environment"),
    ("name = 'a'\nkey_env = 'EMPTY_KEY'", "key_env: EMPTY_KEY is not set in the environment"),
    (
        "name = 'a'\nkey_env = 'ODD_KEY'",
        "key_env: ODD_KEY contains a character that is not allowed in keys: copy the key",
    ),
]


@pytest.mark.parametrize(("lines", "said"), OF_A_PROVIDER)
def test_each_problem_of_a_provider_is_named(lines: str, said: str) -> None:
    [problem] = problems(f"[[provider]]\n{lines}\n{MODEL}")
    assert problem.startswith(f"provider[1].{said}")


OF_A_MODEL = [
    (f"name = '{'x' * 101}'", "name: has 101 characters; the maximum is 100"),
    (
        "contxt = 5",
        "contxt: is unknown; the keys here are id, name, provider, context, leave_out, tools, label, max_out",
    ),
    ("context = true", "context: must be a whole number, not true or false"),
    ("context = 8192.0", "context: must be a whole number, not a number"),
    ("context = '8k'", "context: must be a whole number, not a string"),
    ("context = 2026-11-29", "context: must be a whole number, not a date"),
    ("context = 0", "context: is 0; it must be from 512 to 100,000,000"),
    ("context = 1024\nmax_output = 1024", "max_output: must be smaller than the context, which is 1,024 tokens"),
    ("max_output = 1", "max_output: is 1; it must be from 16 to 100,000,000"),
    ("tools = 'no'", "tools: must be true or false, not a string"),
    ("vision = 1", "vision: must be true or false, not a whole number"),
    ("price = 0.25", "price: must be a string, not a number"),
    ("price = '1'", "price: write it like 1.25/0.125/10, at most 1,000,000 and with at most 6 decimals"),
    ("leave_out = 'tools'", "leave_out: must be a list, not a string"),
    ("leave_out = [1]", "leave_out: must be a list of strings"),
    ("leave_out = ['tool']", 'leave_out: "tool" is unknown; the known words are history.reasoning, '),
    ("fallback = ['x', 'y']", 'fallback: no model named "x", "y" in this file'),
    ("fallback = ['one/m']", "fallback: names the model itself"),
]


@pytest.mark.parametrize(("lines", "said"), OF_A_MODEL)
def test_each_problem_of_a_model_is_named(lines: str, said: str) -> None:
    [problem] = problems(f"{PROVIDER}{MODEL}{lines}")
    assert problem.startswith(f"model[1].{said}")


FOLLOWED = f"default_model = 'x'\n{PROVIDER}"
ALONE = [
    (f"{FOLLOWED}[[models]]\nid = 'm'\nfallback = ['y']", "models: is unknown: write [[model]]"),
    (
        f"default_model = 'x'\n[[providers]]\nname = 'one'\n{MODEL}",
        "providers: is unknown: write [[provider]]",
    ),
    (f"{FOLLOWED}[model]\nid = 'm'", "model: must be written as [[model]], with two brackets, not a table"),
    (
        f"[provider]\nname = 'a'\n{MODEL}",
        "provider: must be written as [[provider]], with two brackets, not a table",
    ),
    (f"{FOLLOWED}", "model: is missing: the file needs at least one [[model]]"),
    (f"{PROVIDER}[model]\n[model]\n", "model: is there twice: write [[model]] with two brackets"),
    (f"[provider]\n[provider]\n{MODEL}", "provider: is there twice: write [[provider]] with two brackets"),
]


@pytest.mark.parametrize(("text", "said"), ALONE)
def test_a_missing_table_is_the_only_problem(text: str, said: str) -> None:
    assert problems(text) == [said]


def test_a_name_may_be_that_of_a_model_which_has_another_problem() -> None:
    assert problems(f"default_model = 'x'\n{PROVIDER}[[model]]\n") == ["model[1].id: is missing"]


def test_the_names_that_exist_are_listed_and_not_without_end() -> None:
    models = "".join(f"[[model]]\nid='{number}'\n" for number in range(30))
    [problem] = problems(f"title_model = 'x'\n{PROVIDER}{models}")
    assert problem.endswith('"one/18", "one/19", …')


@pytest.mark.parametrize("key", ["api_key", "key"])
@pytest.mark.parametrize("table", [1, 2])
def test_a_key_is_told_where_it_belongs(key: str, table: int) -> None:
    line = f"{key} = 'hunter2'\n"
    text = f"{PROVIDER}{line}{MODEL}" if table == 1 else f"{PROVIDER}{MODEL}{line}"
    assert problems(text) == [
        f"{'provider' if table == 1 else 'model'}[1].{key}: a key does not belong in this file: "
        "put it in a variable and name the variable in key_env"
    ]


def test_a_number_with_too_many_digits_is_a_problem() -> None:
    [problem] = problems(f"{PROVIDER}{MODEL}context = {'9' * 5000}")
    assert problem.startswith("is not valid TOML: ")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("one/v1", "must start with http:// or https:// and a host, like https://host/v1"),
        ("ftp://one/v1", "must start with http:// or https:// and a host, like https://host/v1"),
        ("https:///v1", "must start with http:// or https:// and a host, like https://host/v1"),
        ("https://a b/v1", "must start with http:// or https:// and a host, like https://host/v1"),
        ("https://one:port/v1", "is not an address: write it like https://host/v1"),
        ("https://[::1/v1", "is not an address: write it like https://host/v1"),
        (
            "https://me:hunter2@one/v1",
            "must not contain a user name or password: name a variable with the key in key_env",
        ),
        ("https://one/v1?key=hunter2", "must not contain ? or #"),
        ("https://one/v1/responses/", "must end before /responses"),
        ("https://one/v1/chat/completions", "must end before /chat/completions"),
    ],
)
def test_an_address_is_checked_and_never_repeated(url: str, said: str) -> None:
    assert problems(f"[[provider]]\nname='one'\nbase_url='{url}'\n{MODEL}") == [f"provider[1].base_url: {said}"]


@pytest.mark.parametrize(
    "line",
    [
        f"key_env = '{SECRET}'",
        f"api_key = '{SECRET}'",
        f"'{SECRET}' = 1",
        f"base_url = 'https://{SECRET}@one/v1'",
        f"base_url = '{SECRET}'",
        f"name = '{SECRET}'",
        f"leave_out = ['{SECRET}']",
        "key_env = 'AKIAIOSFODNN7EXAMPLE'",
        "key_env = '0123456789ABCDEF0123456789ABCDEF'",
        "key_env = 'ABCDEF0123456789ABCDEF0123456789'",
    ],
)
def test_a_key_in_the_file_is_refused_and_never_repeated(line: str) -> None:
    name = "" if line.startswith("name") else "name='one'\n"
    said = "\n".join(problems(f"[[provider]]\n{name}{line}\n{MODEL}"))

    assert said.startswith("provider[1].")
    assert not any(secret in said for secret in (SECRET, "AKIA", "ABCDEF"))


@pytest.mark.parametrize(
    "line", [f"id = '{SECRET}'", f"id='m'\nfallback = ['{SECRET}']", f"id='m'\nprovider = '{SECRET}'"]
)
def test_a_key_in_a_model_is_never_repeated(line: str) -> None:
    assert SECRET not in "\n".join(problems(f"{PROVIDER}[[model]]\n{line}"))


@pytest.mark.parametrize(
    "name", ["gpt-6-luna", "deepseek-r1-distill-qwen-32b-2026-11", "meta-llama/Llama-4:free", "hf-model"]
)
def test_names_of_models_do_not_look_like_keys(name: str) -> None:
    assert not looks_like_key(name)


def test_all_problems_are_named_at_once_and_not_without_end() -> None:
    text = "[[provider]]\nkey_env = 'MISSING'\n[[model]]\ncontext = 1\nprice = 'x'\nlabel = 3\nodd = 1"
    keys = [problem.partition(":")[0] for problem in problems(text)]
    assert keys == [
        "provider[1].name",
        "provider[1].key_env",
        *(f"model[1].{key}" for key in ("id", "context", "label", "price", "odd")),
    ]

    many = problems(PROVIDER + MODEL + "".join(f"odd{number} = 1\n" for number in range(500)))
    assert (len(many), many[-1]) == (51, "has 450 more problems")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda content: content.decode("latin-1")))
def test_garbage_is_a_named_problem(text: str) -> None:
    assert problems(text)


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(["id", "name", "provider", "context", "max_output", "tools", "price", "fallback", "leave_out"]),
    value=st.sampled_from(
        ["0", "-1", "1e400", "nan", "true", "''", "'x'", "[]", "[[]]", "{}", "['a', 1]", "{a = 1}", "12:30:00"]
    ),
)
def test_any_value_of_a_key_is_used_or_named(key: str, value: str) -> None:
    lines = {"id": "'m'", key: value}
    text = PROVIDER + "[[model]]\n" + "".join(f"{name} = {one}\n" for name, one in lines.items())
    try:
        assert parsed(text).models
    except ModelsError as error:
        assert all(problem.startswith(f"model[1].{key}: ") for problem in error.problems)


def test_the_document_has_every_key_and_word() -> None:
    document = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    [block] = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    complaints = problems("[[provider]]\nodd = 1\n[[model]]\nodd = 1\n") + problems("odd = 1")
    known = {
        key for said in complaints if "the keys here are" in said for key in said.split("keys here are ")[1].split(", ")
    }

    assert {"default_model", "key_env", "context"} <= known
    assert parsed(block).default.name == "local/gemma-3"
    assert (
        sorted(key for key in {*known, *LEAVABLE} if f"`{key}`" not in document and f"[[{key}]]" not in document) == []
    )
