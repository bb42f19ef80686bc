"""Arithmetic, which models get wrong: exact where possible, with bounded CPU and memory."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException, InvalidOperation, Overflow, Underflow, localcontext
from fractions import Fraction
from math import floor, isqrt
from operator import attrgetter
from typing import NamedTuple

from chat.llm.tools import ToolError, tool

MAX_CHARACTERS = 500
MAX_DEPTH = 300  # a sum of 250 ones is that deep
MAX_DIGITS = 1000  # before the decimal point, and leading zeros after it
MAX_EXPONENT = 10**12
MAX_EXACT_BITS = 8192  # of a numerator or denominator; longer ones are rounded
SHOWN_DIGITS = 20
PLAIN_ZEROS = 7  # after the decimal point; smaller numbers are written like 1e-9

LARGEST = Fraction(10) ** MAX_DIGITS
ROUNDING = Context(prec=50, Emax=4 * MAX_DIGITS, Emin=-4 * MAX_DIGITS, traps=[InvalidOperation, Overflow, Underflow])
SHOWING = Context(prec=SHOWN_DIGITS)

SPELLINGS = str.maketrans(
    {"\N{MULTIPLICATION SIGN}": "*", "·": "*", "÷": "/", "\N{MINUS SIGN}": "-", "π": "pi", "^": "**"}
)
READABLE = re.compile(r"[\w.+\-*/%(), ]*", re.ASCII)
THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")

KNOWN = "Use numbers, + - * / // % ** and parentheses, sqrt, abs, round, min, max, pi and e."
OUT_OF_RANGE = f"A number is too large or too small: at most {MAX_DIGITS} digits are supported."


class Number(NamedTuple):
    """A value, and whether it is exact or was rounded to 50 digits on the way."""

    value: Fraction
    exact: bool


WHOLE = Number(Fraction(0), exact=True)


@tool(idempotent=True, doing="Calculating", done="Calculated", about="expression")
def calculate(expression: str) -> str:
    """Calculate exactly. Use it for all arithmetic that is not trivial.

    Supports + - * / // % ** (also ^), parentheses, sqrt(x), abs(x), round(x, digits), min(...), max(...), pi and e.
    Write numbers like 1234.5 or 1e6, without thousands separators, units and percent signs: % is the remainder.
    0.1 + 0.2 is 0.3, round(2.5) is 3 and round(-2.5) is -3. A non-integer result has 20 significant digits.

    expression: what to calculate, like (19.99 * 3) ** 2 / 7
    """
    text = _checked(" ".join(expression.translate(SPELLINGS).split()))
    try:
        with localcontext(ROUNDING):
            return _shown(_value(ast.parse(text, mode="eval").body, text))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ToolError(f"The expression cannot be read. {KNOWN}") from None
    except ZeroDivisionError:
        raise ToolError("The expression divides by zero.") from None
    except (Overflow, Underflow):
        raise ToolError(OUT_OF_RANGE) from None
    except DecimalException:
        raise ToolError("The result is not a real number.") from None


def _checked(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ToolError(f"The expression has more than {MAX_CHARACTERS} characters. Calculate it in parts.")
    if not READABLE.fullmatch(text):
        raise ToolError(f"The expression contains unsupported characters. {KNOWN}")
    if THOUSANDS.search(text):  # max(1,500) is ambiguous
        raise ToolError("Write 1000, not 1,000. Put a space after the comma between two arguments.")
    return text


def _value(node: ast.expr, text: str, depth: int = 0) -> Number:
    """The value of a part of the expression; `text` is the whole, for digits that a float would lose."""
    if depth > MAX_DEPTH:
        raise ToolError("The expression is nested too deeply. Calculate it in parts.")
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _literal(text[node.col_offset : node.end_col_offset], value)
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign):
            number = _value(node.operand, text, depth + 1)
            return number if isinstance(sign, ast.UAdd) else number._replace(value=-number.value)
        case ast.BinOp() if type(node.op) in OPERATIONS:
            operation = OPERATIONS[type(node.op)]
            return operation(_value(node.left, text, depth + 1), _value(node.right, text, depth + 1))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return _called(name, [_value(argument, text, depth + 1) for argument in arguments])
    raise ToolError(f"Not supported: {(ast.get_source_segment(text, node) or '')[:50]}. {KNOWN}")


def _literal(digits: str, value: float) -> Number:
    if isinstance(value, int):
        return _kept(value, exact=True)
    number = Decimal(digits)
    if number and abs(number.adjusted()) > MAX_DIGITS:  # 1e999999999 would be slow as a fraction
        raise ToolError(OUT_OF_RANGE)
    return _kept(Fraction(number or 0), exact=True)


def _kept(value: Fraction | int, *, exact: bool) -> Number:
    """The number, checked for its range and rounded to a bounded size."""
    value = Fraction(value)
    if value and not 1 / LARGEST <= abs(value) < LARGEST:
        raise ToolError(OUT_OF_RANGE)
    exact = exact and _bits(value) <= MAX_EXACT_BITS
    return Number(value if exact else Fraction(_decimal(value)), exact)


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _by(operation: Callable[[Fraction, Fraction], Fraction | int]) -> Callable[[Number, Number], Number]:
    return lambda left, right: _kept(operation(left.value, right.value), exact=left.exact and right.exact)


def _power(base: Number, exponent: Number) -> Number:
    if abs(exponent.value) > MAX_EXPONENT:
        raise ToolError(f"The exponent is larger than {MAX_EXPONENT}.")
    if base.value == 0 and exponent.value < 0:
        raise ZeroDivisionError
    if exponent.value.denominator == 1 and _bits(base.value) * abs(exponent.value) <= MAX_EXACT_BITS:
        return _kept(base.value ** int(exponent.value), exact=base.exact and exponent.exact)
    return _kept(Fraction(_decimal(base.value) ** _decimal(exponent.value)), exact=False)


def _square_root(number: Number) -> Number:
    value = number.value
    if value >= 0:
        root = Fraction(isqrt(value.numerator), isqrt(value.denominator))
        if root * root == value:
            return Number(root, number.exact)
    return _kept(Fraction(_decimal(value).sqrt()), exact=False)


def _round(number: Number, digits: Number = WHOLE) -> Number:
    if digits.value.denominator != 1 or abs(digits.value) > MAX_DIGITS:
        raise ToolError(f"In round(x, digits), digits must be an integer of at most {MAX_DIGITS}.")
    unit = Fraction(10) ** -int(digits.value)
    nearest = floor(abs(number.value) / unit + Fraction(1, 2)) * unit
    return _kept(nearest if number.value >= 0 else -nearest, exact=number.exact)


def _called(name: str, arguments: list[Number]) -> Number:
    function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise ToolError(f"{name} does not take {len(arguments)} arguments.")
    return function(*arguments)


def _shown(number: Number) -> str:
    if number.exact and number.value.denominator == 1:
        return str(number.value.numerator)
    digits = SHOWING.plus(_decimal(number.value)).normalize()
    plain = not digits or -PLAIN_ZEROS <= digits.adjusted() < SHOWN_DIGITS
    return f"{digits:f}" if plain else f"{digits:e}"


CONSTANTS = {
    "pi": Number(Fraction("3.1415926535897932384626433832795028841971693993751"), exact=False),
    "e": Number(Fraction("2.7182818284590452353602874713526624977572470936999"), exact=False),
}
OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: _by(operator.add),
    ast.Sub: _by(operator.sub),
    ast.Mult: _by(operator.mul),
    ast.Div: _by(operator.truediv),
    ast.FloorDiv: _by(operator.floordiv),
    ast.Mod: _by(operator.mod),
    ast.Pow: _power,
}
FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {  # each with its least and most arguments
    "sqrt": (_square_root, 1, 1),
    "abs": (lambda number: number._replace(value=abs(number.value)), 1, 1),
    "round": (_round, 1, 2),
    "min": (lambda *numbers: min(numbers, key=attrgetter("value")), 1, MAX_CHARACTERS),
    "max": (lambda *numbers: max(numbers, key=attrgetter("value")), 1, MAX_CHARACTERS),
}
