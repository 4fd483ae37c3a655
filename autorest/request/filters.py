"""Horizontal filters: `id=eq.1`, `name=not.ilike(any).{a*,b*}`, `or=(id.eq.1,and(a.is.null,b.gt.2))`.

An operation is `[not.]operator[(modifier)].operand`. In a query parameter the operand is the rest
of the value; inside and/or it ends at a comma or a closing parenthesis, unless it is in double
quotes or an array in braces.
"""

from __future__ import annotations

import difflib
import re
from enum import Enum, auto
from typing import Final

from autorest.errors import Refused, refuse
from autorest.request.fields import parse_field, parse_names, parse_path
from autorest.request.model import (
    Comparison,
    Condition,
    EmbedPath,
    Filter,
    FullText,
    InList,
    IsDistinct,
    IsTest,
    Logic,
    Operand,
    Test,
)
from autorest.request.scanner import Cursor, excerpt, is_identifier, unescaped


class _Kind(Enum):
    PLAIN = auto()
    QUANTIFIED = auto()
    FULL_TEXT = auto()
    LIST = auto()
    IS = auto()
    IS_DISTINCT = auto()


_KINDS: Final = {
    **dict.fromkeys(("neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"), _Kind.PLAIN),
    **dict.fromkeys(("eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch"), _Kind.QUANTIFIED),
    **dict.fromkeys(("fts", "plfts", "phfts", "wfts"), _Kind.FULL_TEXT),
    "in": _Kind.LIST,
    "is": _Kind.IS,
    "isdistinct": _Kind.IS_DISTINCT,
}

_OPERATOR: Final = re.compile(r"([a-z]+)(?:\(([^()]*)\))?\.")
_IS_VALUE: Final = re.compile(r"null|not_null|true|false|unknown", re.IGNORECASE | re.ASCII)
_LIST_OPEN: Final = re.compile(r"[ \t]*\([ \t]*")
_LIST_CLOSE: Final = re.compile(r"[ \t]*\)[ \t]*")
_ELEMENT: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"(?=[,)]|\Z)|([^,)]*)', re.DOTALL)
_LOGIC_VALUE: Final = re.compile(
    r'"([^"\\]*+(?:\\.[^"\\]*+)*)"(?=[,)]|\Z)|(\{[^{}]*+\}|[^,)]*)',
    re.DOTALL,
)
_TREE: Final = re.compile(r"(not\.)?(and|or)[ \t]*\([ \t]*")

_OPERATION_EXPECTED: Final = f"an operator, a dot and a value; operators are {', '.join(_KINDS)}"


def parse_filter(name: str, value: str, operation: tuple[bool, Test] | None) -> tuple[EmbedPath, Filter]:
    """Return the filter that a query parameter is, from what `parse_operation` made of its value.

    Raises: Refused (PGRST100), where the value has no operator or the name is malformed.
    """
    path, field = parse_path(name, "The filter's name")
    if operation is None:
        raise _no_operator(name, value)
    negated, test = operation
    return path, Filter(field, test, negated)


def parse_operation(text: str, source: int | None, *, subject: str) -> tuple[bool, Test] | None:
    """Read the value of a query parameter: whether the test is negated, and the test.

    None where no operator begins the text: no filter then, but the argument of a function perhaps.

    Raises: Refused (PGRST100), where an operator (or `not.`) begins it and the rest is malformed.
    """
    negated = text.startswith("not.")
    cursor = Cursor(text, "The filter on", subject, 4 if negated else 0)
    test = _test(cursor, source, in_logic=False)
    if test is not None:
        return negated, test
    if negated:
        raise cursor.refuse(_OPERATION_EXPECTED)
    return None


def parse_list(text: str) -> tuple[str, ...]:
    """Read the text of an `in` list, `(a,"b,c")`, into its items; one empty item is no item.

    Raises: Refused (PGRST100).
    """
    return _items(Cursor(text, "The list of values"))


def parse_logic(name: str, value: str) -> tuple[EmbedPath, Logic]:
    """Read a query parameter named `and` or `or`, after embeds and `not.` perhaps.

    Raises: Refused (PGRST100).
    """
    names = parse_names(Cursor(name, "The condition", name))
    connective = names[-1]
    # The tree is read from its connective on, so that it is the same grammar at the top and inside.
    text = f"not.{connective}{value}" if "not" in names else connective + value
    cursor = Cursor(text, "The condition", name)
    condition = _condition(cursor, 1)
    if not isinstance(condition, Logic):
        raise cursor.refuse('conditions in parentheses, such as "(id.eq.1,name.is.null)"', len(text) - len(value))
    return tuple([step for step in names[:-1] if step != "not"]), condition


def _condition(cursor: Cursor, depth: int) -> Condition:
    cursor.count_item()
    tree = cursor.match(_TREE)
    if tree is None:
        return _leaf(cursor)
    cursor.check_depth(depth)
    children = [_condition(cursor, depth + 1)]
    while cursor.take_comma():
        children.append(_condition(cursor, depth + 1))
    if not cursor.match(_LIST_CLOSE):
        raise cursor.refuse("a comma or a closing parenthesis")
    return Logic(tree[2], tuple(children), tree[1] is not None)


def _leaf(cursor: Cursor) -> Filter:
    start = cursor.position
    field = parse_field(cursor)
    if not cursor.take("."):
        raise cursor.refuse('".operator.value" after the name, or conditions in parentheses after "and" or "or"')
    negated = cursor.take("not.")
    test = _test(cursor, None, in_logic=True)
    if test is None:
        connective = "not." if negated or cursor.text.startswith("not.", start) else ""
        raise cursor.refuse(_OPERATION_EXPECTED if not connective else f"{_OPERATION_EXPECTED}; or and( or or(")
    return Filter(field, test, negated)


def _test(cursor: Cursor, source: int | None, *, in_logic: bool) -> Test | None:
    """Read an operation without `not.`; None, and the cursor where it was, where no operator is."""
    found = _OPERATOR.match(cursor.text, cursor.position)
    if found is None:
        return None
    operator, modifier = found.groups()
    kind = _KINDS.get(operator)
    if kind is None or (modifier is not None and not _modifies(kind, modifier)):
        return None
    cursor.position = found.end()
    match kind:
        case _Kind.QUANTIFIED:
            return Comparison(operator, _operand(cursor, source, in_logic), modifier)
        case _Kind.PLAIN:
            return Comparison(operator, _operand(cursor, source, in_logic))
        case _Kind.LIST:
            return InList(_items(cursor), source)
        case _Kind.IS:
            value = cursor.match(_IS_VALUE)
            if value is None:
                raise cursor.refuse("null, not_null, true, false or unknown after is")
            return IsTest(value[0].lower())
        case _Kind.IS_DISTINCT:
            return IsDistinct(_operand(cursor, source, in_logic))
        case _Kind.FULL_TEXT:
            language = None if modifier is None else modifier.strip(" ")
            return FullText(operator, _operand(cursor, source, in_logic), language)


def _modifies(kind: _Kind, modifier: str) -> bool:
    match kind:
        case _Kind.QUANTIFIED:
            return modifier in ("any", "all")
        case _Kind.FULL_TEXT:
            return is_identifier(modifier)
        case _:
            return False


def _operand(cursor: Cursor, source: int | None, in_logic: bool) -> Operand:
    if not in_logic:
        return Operand(cursor.text[cursor.position :], source)
    found = cursor.match(_LOGIC_VALUE)
    assert found is not None  # the last alternative matches the empty text
    quoted, bare = found.groups()
    return Operand(bare if quoted is None else unescaped(quoted))


def _items(cursor: Cursor) -> tuple[str, ...]:
    if not cursor.match(_LIST_OPEN):
        raise cursor.refuse('a list in parentheses after in, such as "in.(1,2,3)"')
    text = cursor.text
    end = text.find(")", cursor.position)
    if end >= 0 and '"' not in text[cursor.position : end]:
        items = text[cursor.position : end].split(",")
        cursor.position = end
    else:
        items, cursor.position = _elements(text, cursor.position)
    if not cursor.match(_LIST_CLOSE):
        raise cursor.refuse("a comma or a closing parenthesis")
    return () if items == [""] else tuple(items)


def _elements(text: str, position: int) -> tuple[list[str], int]:
    """Read values separated by commas; return them, and where they end."""
    items: list[str] = []
    while True:
        found = _ELEMENT.match(text, position)
        assert found is not None  # the last alternative matches the empty text
        quoted, bare = found.groups()
        items.append(bare if quoted is None else unescaped(quoted))
        position = found.end()
        if not text.startswith(",", position):
            return items, position
        position += 1


def _no_operator(name: str, value: str) -> Refused:
    word = re.split(r"[.(]", value, maxsplit=1)[0]
    similar = difflib.get_close_matches(word[:20].lower(), _KINDS, 1)
    hint = (
        f"Perhaps {similar[0]} instead of {excerpt(word)}?"
        if similar and word != value
        else f"To compare for equality write eq. before the value, as in {excerpt(f'{name}=eq.{value}')}."
    )
    return refuse(
        "PGRST100",
        f"The filter on {excerpt(name)} does not begin with an operator: {excerpt(value)}",
        f"Expected {_OPERATION_EXPECTED}; not. before it negates.",
        hint,
    )
