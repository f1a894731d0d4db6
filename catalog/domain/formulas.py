"""The formula of a synthetic instrument: arithmetic on the names of its legs, parsed and never executed.

Numbers (digits and an optional fraction), names, `+ - * / ^`, unary minus, parentheses, and the functions abs, sqrt, ln,
exp (one argument), min and max (two or more). `^` is power: it associates to the right and binds tighter than unary
minus, so that `-a ^ b` is `-(a ^ b)`. The rest associates to the left. White space is space, tab and newline.

A formula is kept in one canonical spelling, which parses to the tree that was written: nothing is folded or reordered.
Two formulas with the same text are the same formula. What can never give a number is refused: a division by what is
always zero, a root or logarithm without a real value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.errors import InvalidIdentifier, InvalidRecord, quote

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

MAX_FORMULA_BYTES = 4_096  # of the text as given, and of its canonical spelling
MAX_NESTING = 64  # of parentheses as written, and of the tree; a sum or product of any length is one level
MAX_NAME = 64
MAX_BITS = 2_048  # a constant whose numerator or denominator is longer counts as not known

FUNCTIONS = {"abs": (1, 1), "exp": (1, 1), "ln": (1, 1), "max": (2, None), "min": (2, None), "sqrt": (1, 1)}
"""Each function with the least and the greatest number of its arguments (None: no limit)."""

_GRAMMAR = r"""
?start: sum
?sum: product (SIGN product)*
?product: unary (FACTOR unary)*
?unary: power | SIGN unary -> signed
?power: atom | atom "^" unary -> power
?atom: NUMBER -> number
     | NAME -> variable
     | NAME "(" (sum ("," sum)*)? ")" -> call
     | "(" sum ")"
SIGN: /[+-]/
FACTOR: /[*\/]/
NUMBER: /[0-9]+(\.[0-9]+)?/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[ \t\n]+/
"""


class Formula(NamedTuple):
    """A formula that was parsed: its canonical spelling, and its variables in the order of first appearance."""

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A canonical decimal, never negative."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class Variable:
    """The value of a leg, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Sum:
    """`first`, then `+` or `-` and a term, from left to right; `first` is no Sum itself.

    One node for the whole chain keeps a tree of a thousand terms flat, so that walks may recurse.
    """

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """`first`, then `*` or `/` and a factor, from left to right; `first` is no Product itself."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Power:
    """`base ^ exponent`."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Call:
    """One of FUNCTIONS, applied to as many arguments as it takes."""

    function: str
    arguments: tuple[Node, ...]


Node = Number | Variable | Negative | Sum | Product | Power | Call


class _Refused(Exception):
    """Why a text is no formula; parse_formula and parse_tree say it as InvalidRecord."""


def parse_formula(text: str) -> Formula:
    """The formula that `text` spells; its own text parses to itself.

    Raises InvalidRecord (`invalid_formula`) for what is not the language, with the column and what is there; for more
    than 4,096 bytes or 64 levels; for a formula without variables; and for what can never give a number.
    """
    try:
        tree = _parse_tree(text)
        names = tuple(dict.fromkeys(_names(tree)))
        if not names:
            raise _Refused("without a variable it is a constant")
        _constant(tree)
        spelling = format_tree(tree)
        if len(spelling) > MAX_FORMULA_BYTES:
            raise _Refused(f"{len(spelling)} bytes in canonical spelling, at most {MAX_FORMULA_BYTES} are allowed")
    except _Refused as refused:
        raise InvalidRecord("formula", text, str(refused), code="invalid_formula") from None
    return Formula(spelling, names)


def parse_tree(text: str) -> Node:
    """The tree of `text` as written; raises InvalidRecord for what is not the language, as parse_formula does."""
    try:
        return _parse_tree(text)
    except _Refused as refused:
        raise InvalidRecord("formula", text, str(refused), code="invalid_formula") from None


def format_tree(node: Node) -> str:
    """The canonical spelling: as few parentheses as parse back to the same tree, a blank on each side of operators."""
    match node:
        case Number(value):
            return format_decimal(value)
        case Variable(name):
            return name
        case Negative(operand):
            return f"-{_within(operand, _NEGATIVE)}"
        case Sum(first, rest) | Product(first, rest):
            rank = _rank(node)
            parts = [_within(first, rank), *(f"{operator} {_within(member, rank + 1)}" for operator, member in rest)]
            return " ".join(parts)
        case Power(base, exponent):
            return f"{_within(base, _ATOM)} ^ {_within(exponent, _NEGATIVE)}"
        case Call(function, arguments):
            return f"{function}({', '.join(map(format_tree, arguments))})"


_SUM, _PRODUCT, _NEGATIVE, _POWER, _ATOM = range(5)


def _rank(node: Node) -> int:
    """How tightly the node's own operator binds."""
    match node:
        case Sum():
            return _SUM
        case Product():
            return _PRODUCT
        case Negative():
            return _NEGATIVE
        case Power():
            return _POWER
        case _:
            return _ATOM


def _within(node: Node, least: int) -> str:
    """The node's spelling where only what binds as tightly as `least` can stand without parentheses."""
    return format_tree(node) if _rank(node) >= least else f"({format_tree(node)})"


def _children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order of the text."""
    match node:
        case Negative(operand):
            return (operand,)
        case Sum(first, rest) | Product(first, rest):
            return first, *(member for _, member in rest)
        case Power(base, exponent):
            return base, exponent
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Variable):
        yield node.name
    for child in _children(node):
        yield from _names(child)


# --- text to tree


@cache
def _parser() -> Lark:
    from lark import Lark  # not at import: most programs that load the domain never read a formula

    return Lark(_GRAMMAR, parser="lalr", lexer="basic")


def _parse_tree(text: str) -> Node:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_FORMULA_BYTES:
        raise _Refused(f"{size} bytes, at most {MAX_FORMULA_BYTES} are allowed")
    if not text.strip(" \t\n"):
        raise _Refused("empty")
    _limit_parentheses(text)
    nodes: dict[int, Node] = {}
    levels: dict[int, int] = {}
    node: Node | None = None
    for tree in _syntax(text).iter_subtrees():  # children come before their parents, without recursion
        tokens: list[Token] = []
        operands: list[Node] = []
        for child in tree.children:
            if isinstance(child, str):
                tokens.append(child)
            else:
                operands.append(nodes[id(child)])
        nodes[id(tree)] = node = _node(text, tree.data, tokens, operands)
        levels[id(node)] = level = max((levels[id(child)] + 1 for child in _children(node)), default=0)
        if level > MAX_NESTING:
            raise _Refused(f"nested deeper than {MAX_NESTING} levels")
    assert node is not None
    return node


def _limit_parentheses(text: str) -> None:
    depth = 0
    for offset, character in enumerate(text):
        if character == "(":
            depth += 1
            if depth > MAX_NESTING:
                raise _Refused(f"nested deeper than {MAX_NESTING} levels {_place(text, offset)}")
        elif character == ")":
            depth -= 1


def _syntax(text: str) -> Tree[Token]:
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    try:
        return _parser().parse(text)
    except UnexpectedToken as error:
        token: Token = error.token
        if token.type == "$END":
            reason = f"unexpected end {_place(text, len(text))}"
        else:
            reason = _unexpected(text, _offset(token), str(token))
    except UnexpectedCharacters as error:
        reason = _unexpected(text, error.pos_in_stream, error.char)  # type: ignore[arg-type]  # lark declares None
    raise _Refused(reason)


def _unexpected(text: str, offset: int, found: str) -> str:
    """What stands where the language allows no such thing, with a hint for habits of other languages."""
    shown = quote(found) if found.isascii() else f"{quote(found)} (U+{ord(found):04X})"
    reason = f"unexpected {shown} {_place(text, offset)}"
    before = text[:offset][-1:]
    if found == before == "*":
        return f"{reason}; use ^ for a power"
    if before.isdigit() and re.fullmatch("[eE][0-9]*", found):
        return f"{reason}; a number has no exponent"
    return reason


def _offset(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _place(text: str, offset: int) -> str:
    """`at column 3`, from 1; with the line where that is not the first."""
    line_start = text.rfind("\n", 0, offset) + 1
    column = f"column {offset - line_start + 1}"
    return f"at line {text.count(chr(10), 0, offset) + 1}, {column}" if line_start else f"at {column}"


def _node(text: str, rule: str, tokens: Sequence[Token], operands: Sequence[Node]) -> Node:
    match rule:
        case "number":
            return Number(_number(text, tokens[0]))
        case "variable":
            return Variable(_variable(text, tokens[0]))
        case "call":
            return Call(_function(text, tokens[0], len(operands)), tuple(operands))
        case "signed":
            return Negative(operands[0]) if tokens[0] == "-" else operands[0]
        case "power":
            return Power(operands[0], operands[1])
    kind = Sum if rule == "sum" else Product
    first, rest = operands[0], tuple(zip(map(str, tokens), operands[1:], strict=True))
    return kind(first.first, first.rest + rest) if isinstance(first, kind) else kind(first, rest)


def _number(text: str, token: Token) -> Decimal:
    try:
        return canonical_decimal(str(token))
    except InvalidIdentifier as error:
        raise _Refused(f"{_named(text, token)}: {error.reason}") from None


def _variable(text: str, token: Token) -> str:
    if token in FUNCTIONS:
        raise _Refused(f"{_named(text, token)} is a function, no variable")
    if len(token) > MAX_NAME:
        raise _Refused(f"{_named(text, token)}: a name of {len(token)} characters, at most {MAX_NAME} are allowed")
    return str(token)


def _function(text: str, token: Token, count: int) -> str:
    if token not in FUNCTIONS:
        raise _Refused(f"{_named(text, token)} is no function; there are {', '.join(FUNCTIONS)}")
    least, most = FUNCTIONS[token]
    if count < least or (most is not None and count > most):
        wanted = f"{least} argument{'s' * (least > 1)}{' or more' * (most is None)}"
        raise _Refused(f"{_named(text, token)} takes {wanted}, not {count}")
    return str(token)


def _named(text: str, token: Token) -> str:
    return f"{quote(token)} {_place(text, _offset(token))}"


# --- what is always zero


def _constant(node: Node) -> Fraction | None:
    """The value that the node always has, where that is easily told; None: not known.

    Refuses what can never give a number, wherever it stands in the tree.
    """
    match node:
        case Number(value):
            return Fraction(value)
        case Variable():
            return None
        case Negative(operand):
            known = _constant(operand)
            return None if known is None else -known
        case Sum():
            return _constant_sum(node)
        case Product():
            return _constant_product(node)
        case Power():
            return _constant_power(node)
        case Call():
            return _constant_call(node)


def _constant_sum(node: Sum) -> Fraction | None:
    total = _constant(node.first)
    for count, (operator, term) in enumerate(node.rest):
        value = _constant(term)
        if operator == "-" and _equals_start(node, count, term):
            total = Fraction(0)
        elif total is None or value is None:
            total = None
        else:
            total = _bounded(total + value if operator == "+" else total - value)
    return total


def _equals_start(node: Sum, count: int, term: Node) -> bool:
    """Whether `term` is what stands before it: the sum's first member and `count` more."""
    if count == 0:
        return term == node.first
    return isinstance(term, Sum) and len(term.rest) == count and term == Sum(node.first, node.rest[:count])


def _constant_product(node: Product) -> Fraction | None:
    total = _constant(node.first)
    for operator, factor in node.rest:
        value = _constant(factor)
        if operator == "/" and value == 0:
            raise _Refused(f"divides by {quote(format_tree(factor))}, which is always zero")
        if total == 0 or value == 0:
            total = Fraction(0)
        elif total is None or value is None:
            total = None
        else:
            total = _bounded(total * value if operator == "*" else total / value)
    return total


def _constant_power(node: Power) -> Fraction | None:
    base, exponent = _constant(node.base), _constant(node.exponent)
    if base is None or exponent is None:
        return None
    if base == 0 and exponent < 0:
        raise _Refused(f"{quote(format_tree(node))} divides by what is always zero")
    if base < 0 and exponent.denominator % 2 == 0:
        raise _Refused(f"{quote(format_tree(node))} has no real value")
    if base == 0:
        return Fraction(1 if exponent == 0 else 0)
    if abs(base) == 1 and exponent.denominator == 1:
        return base if exponent.numerator % 2 else Fraction(1)
    if exponent.denominator != 1 or abs(exponent) * _bits(base) > MAX_BITS:  # 9^9^9^9 is not worked out
        return None
    return base**exponent.numerator


def _constant_call(node: Call) -> Fraction | None:
    values = [value for value in map(_constant, node.arguments) if value is not None]
    if len(values) < len(node.arguments):
        return None
    value = values[0]
    if (node.function == "sqrt" and value < 0) or (node.function == "ln" and value <= 0):
        raise _Refused(f"{quote(format_tree(node))} has no real value")
    match node.function:
        case "abs":
            return abs(value)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "sqrt":
            root = Fraction(isqrt(value.numerator), isqrt(value.denominator))
            return root if root * root == value else None
        case "ln":
            return Fraction(0) if value == 1 else None
        case _:
            return Fraction(1) if value == 0 else None


def _bounded(value: Fraction) -> Fraction | None:
    return value if _bits(value) <= MAX_BITS else None


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())
