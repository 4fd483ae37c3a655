"""A view's stored query tree says which of its columns are columns of another relation."""

from __future__ import annotations

from autorest.catalog.views import Origin, base_columns, origins

VAR = "{VAR :varno 1 :varattno 2 :vartype 23 :location 7}"


def entry(number: int, name: str, relation: int, column: int, expression: str = VAR, junk: bool = False) -> str:
    return (
        f"{{TARGETENTRY :expr {expression} :resno {number} :resname {name} :ressortgroupref 0"
        f" :resorigtbl {relation} :resorigcol {column} :resjunk {str(junk).lower()}}}"
    )


def test_plain_columns_have_an_origin_and_expressions_have_none() -> None:
    listed = f"({entry(1, 'id', 16400, 3)} {entry(2, 'total', 0, 0, '{OPEXPR :args (' + VAR + ' ' + VAR + ')}')})"
    assert origins(f"{listed} :override 0 :onConflict <>") == {1: Origin(16400, 3)}


def test_columns_of_queries_inside_an_expression_are_not_the_views() -> None:
    inner = f"{{SUBLINK :subselect {{QUERY :targetList ({entry(1, 'x', 5, 1)} {entry(2, 'y', 5, 2)}) :limit <>}}}}"
    listed = f"({entry(1, 'a', 7, 1)} {entry(2, 'b', 0, 0, inner)} {entry(3, 'c', 7, 9)})"
    assert origins(listed) == {1: Origin(7, 1), 3: Origin(7, 9)}


def test_what_follows_the_list_is_not_read() -> None:
    having = f" :havingQual {{SUBLINK :subselect {entry(2, 'z', 8, 8)}}} {entry(3, 'w', 9, 9)}"
    assert origins(f"({entry(1, 'a', 7, 1)}){having}") == {1: Origin(7, 1)}


def test_columns_that_only_sort_and_columns_of_the_system_are_none_of_the_views() -> None:
    assert origins(f"({entry(1, 'a', 7, 1)} {entry(2, 'xmin', 7, -2)} {entry(3, 'b', 7, 2, junk=True)})") == {
        1: Origin(7, 1)
    }


def test_names_may_hold_anything() -> None:
    name = r"\}\)\ :resno\ 9\ :resorigtbl\ 9\ :resorigcol\ 9\ :resjunk\ false\{\\"
    assert origins(f"({entry(1, name, 7, 1)} {entry(2, name, 7, 2)})") == {1: Origin(7, 1), 2: Origin(7, 2)}


def test_a_view_without_columns_has_none() -> None:
    assert origins("<> :override 0 :onConflict <> :havingQual {SUBLINK :subselect {QUERY}}") == {}


def test_a_chain_of_views_leads_to_the_table() -> None:
    views = {
        1: {1: Origin(2, 1), 2: Origin(2, 2), 3: Origin(2, 3), 4: Origin(90, 4)},
        2: {1: Origin(3, 7), 3: Origin(3, 8)},
        3: {7: Origin(80, 70), 8: Origin(81, 1)},
    }
    assert list(base_columns(1, views)) == [(1, Origin(80, 70)), (3, Origin(81, 1)), (4, Origin(90, 4))]


def test_views_that_go_round_in_a_circle_lead_nowhere() -> None:
    assert list(base_columns(1, {1: {1: Origin(2, 1)}, 2: {1: Origin(1, 1)}})) == []
    assert list(base_columns(1, {1: {1: Origin(1, 1)}})) == []
