"""Which column of which table a view's column is, by the query tree that PostgreSQL stores for the view.

The tree is the text of a `pg_node_tree` (PostgreSQL's src/backend/nodes/outfuncs.c): nodes in braces, lists in
parentheses, and a backslash before every such character, or space, that belongs to a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_MARK = re.compile(r"\\.|[{}]", re.DOTALL)
#: What a TARGETENTRY says behind its expression.
_ENTRY = re.compile(r" :resno (\d+) .*:resorigtbl (\d+) :resorigcol (-?\d+) :resjunk false", re.DOTALL)


class Origin(NamedTuple):
    """A column, by its number, of a relation, by its oid."""

    relation: int
    column: int


def origins(target_list: str) -> dict[int, Origin]:
    """Return, for each column of a view that is a plain column of another relation, which one it is.

    `target_list` is the list of TARGETENTRY nodes; whatever follows it is ignored.
    """
    found: dict[int, Origin] = {}
    depth = behind_expression = 0
    for mark in _MARK.finditer(target_list):
        match mark[0]:
            case "{":
                depth += 1
            case "}" if depth == 2:
                depth = 1
                behind_expression = mark.end()
            case "}" if depth == 1:
                depth = 0
                entry = _ENTRY.match(target_list, behind_expression, mark.start())
                if entry and int(entry[2]) and int(entry[3]) > 0:
                    found[int(entry[1])] = Origin(int(entry[2]), int(entry[3]))
                if target_list.startswith(")", mark.end()):
                    break
            case "}":
                depth -= 1
    return found


def base_columns(view: int, views: Mapping[int, Mapping[int, Origin]]) -> Iterator[tuple[int, Origin]]:
    """Yield the columns of `view` that are, through any chain of `views`, columns of something else.

    A relation that is not among `views` ends the chain.
    """
    for number, direct in views[view].items():
        origin: Origin | None = direct
        passed = {view}
        while origin and origin.relation in views and origin.relation not in passed:
            passed.add(origin.relation)
            origin = views[origin.relation].get(origin.column)
        if origin and origin.relation not in views:
            yield number, origin
