"""Arithmetic is exact, always quick, and never runs code."""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from chat.llm.tools import ToolError
from chat.tools import load
from chat.tools.calculate import MAX_CHARACTERS, calculate

NO_DEADLINE = settings(deadline=None)  # wall-clock deadlines fail on busy machines; `at_once` limits CPU time instead


def at_once(expression: str) -> str:
    """The result or ToolError, for some seconds of work at most, on any machine."""
    began = time.thread_time()
    try:
        return calculate(expression)
    finally:
        assert time.thread_time() - began < 4


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "0.3"),
        ("19.99*3", "59.97"),
        ("(1 + 2) * 3 - 4", "5"),
        ("1/3 * 3", "1"),
        ("1/3", "0.33333333333333333333"),
        ("0.12345678901234567890 * 10", "1.234567890123456789"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7.5 % 2", "1.5"),
        ("-2 ** 2", "-4"),
        ("2 ** -2", "0.25"),
        ("2^10", "1024"),
        ("6 × 7 ÷ 2 − 1", "20"),  # noqa: RUF001
        ("2\n+\t2", "4"),
        ("1_000 + 0x10", "1016"),
        ("10 ** 30 + 1", "1000000000000000000000000000001"),
        ("1e-9 / 2", "5e-10"),
        ("0.0000001", "0.0000001"),
        ("2 ** 0.5", "1.4142135623730950488"),
        ("8 ** (1/3)", "2"),
        ("sqrt(2) * sqrt(2)", "2"),
        ("sqrt(4/9) * 3", "2"),
        ("abs(-3) + min(4, 2, 3) + max(1, 2)", "7"),
        ("round(2.5)", "3"),
        ("round(-2.675, 2)", "-2.68"),
        ("round(1234, -2)", "1200"),
        ("2 * pi", "6.2831853071795864769"),
        ("π", "3.1415926535897932385"),
        ("e", "2.7182818284590452354"),
        ("(1 + 1 / 10**9) ** (10**9)", "2.7182818270999043224"),
        ("100 * 1.05 ** 30", "432.19423751506620092"),
        ("0 ** 0", "1"),
        ("-(pi - pi)", "0"),
    ],
)
def test_it_calculates(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("9**9**9", "1000 digits"),
        ("10**10**10", "1000 digits"),
        ("9**-9**9", "1000 digits"),
        ("(1/3) ** 10**12", "1000 digits"),
        ("2 ** 10 ** 13", "exponent"),
        ("1e999999999", "1000 digits"),
        ("1e-999999999", "1000 digits"),
        ("10 ** 999 * 10", "1000 digits"),
        ("1 / 0", "by zero"),
        ("5 % (3 - 3)", "by zero"),
        ("0 ** -1", "by zero"),
        ("(pi - pi) ** -1", "by zero"),
        ("sqrt(-1)", "not a real number"),
        ("(-8) ** (1/3)", "not a real number"),
        ("1,000 + 1", "Write 1000"),
        ("max(1,500)", "Write 1000"),
        ("round(1.5, 0.5)", "integer"),
        ("round(1.5, 1e9)", "integer"),
        ("sqrt(1, 2)", "sqrt does not take 2 arguments"),
        ("min()", "min does not take 0 arguments"),
        ("", "cannot be read"),
        ("2 +", "cannot be read"),
        ("2 pi", "cannot be read"),
        ("(" * 400, "cannot be read"),
        ("-" * 499 + "1", "nested too deeply"),
        ("1+" * 300 + "1", f"{MAX_CHARACTERS} characters"),
        ("2(3)", "Not supported: 2(3)"),
        ("exp(1)", "Not supported: exp(1)"),
        ("__import__('os').system('id')", "unsupported characters"),
        ("abs.__class__", "Not supported"),
        ("(1).real", "Not supported"),
        ("min(*(1, 2))", "Not supported"),
        ("True", "Not supported"),
        ("1j", "Not supported"),
        ("...", "Not supported"),
        ("1 if 2 else 3", "Not supported"),
        ("x := 1", "unsupported characters"),
        ("[1]", "unsupported characters"),
        ("15 €", "unsupported characters"),
        ("1 < 2", "unsupported characters"),
        ("１+１", "unsupported characters"),  # noqa: RUF001
        ("a\x00b", "unsupported characters"),
        ("\ud800", "unsupported characters"),
    ],
)
def test_an_unsupported_expression_is_a_quick_error(expression: str, says: str) -> None:
    with pytest.raises(ToolError, match=re.escape(says)):
        at_once(expression)


def test_a_long_sum_is_not_too_deep() -> None:
    assert calculate("+".join(["1"] * 250)) == "250"


INTEGERS = some.integers(0, 10**6).map(str)
INTEGER_EXPRESSIONS = some.recursive(
    INTEGERS,
    lambda part: some.one_of(
        some.builds("({} {} {})".format, part, some.sampled_from(["+", "-", "*", "//", "%"]), part),
        some.builds("-{}".format, part),
        some.builds("abs({})".format, part),
        some.builds("{}({}, {})".format, some.sampled_from(["min", "max"]), part, part),
    ),
    max_leaves=12,
)


@NO_DEADLINE
@given(INTEGER_EXPRESSIONS)
def test_integers_come_out_as_in_python(expression: str) -> None:
    try:
        expected = str(eval(expression))
    except ZeroDivisionError:
        with pytest.raises(ToolError, match="by zero"):
            calculate(expression)
    else:
        assert calculate(expression) == expected


@NO_DEADLINE
@given(some.floats(1e-3, 1e3), some.floats(-20, 20))
def test_powers_come_out_as_in_python(base: float, exponent: float) -> None:
    assert math.isclose(float(calculate(f"{base!r} ** {exponent!r}")), base**exponent, rel_tol=1e-9)


WORDS = [
    "9",
    "1e999",
    "0.5",
    "1e-9",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "(",
    ")",
    ",",
    "sqrt(",
    "round(",
    "max(",
    "pi",
]


@settings(NO_DEADLINE, max_examples=300)
@given(some.one_of(some.text(max_size=60), some.lists(some.sampled_from(WORDS), max_size=60).map(" ".join)))
def test_nonsense_gives_a_number_or_a_sentence_at_once(expression: str) -> None:
    with suppress(ToolError):
        Decimal(at_once(expression))


TERMS = some.sampled_from(["9", "99", "0.9", "1e-9", "1e99", "pi", "(2/3)", "sqrt(2)", "1e9"])
CHAINS = some.lists(some.tuples(TERMS, some.sampled_from(["**", "**-", "*", "/", "%", "//", "+"])), max_size=50)


@settings(NO_DEADLINE, max_examples=300)
@given(CHAINS)
def test_huge_and_tiny_numbers_end_at_once(chain: list[tuple[str, str]]) -> None:
    with suppress(ToolError):
        assert len(at_once("".join(term + sign for term, sign in chain) + "2")) <= 1001


async def test_the_model_gets_the_result_as_text() -> None:
    result = await load().dispatch("calculate", '{"expression": "17 * 23"}')
    assert (result.output, result.ok) == ("391", True)
    result = await load().dispatch("calculate", '{"expression": "9**9**9"}')
    assert not result.ok
    assert "1000 digits" in result.output
