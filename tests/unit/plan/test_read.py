"""Reads: where filters land, how embeds join, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autorest.catalog.model import Catalog
from autorest.errors import Refused
from autorest.plan.model import EmbedFilter, PlanFilter, ReadPlan
from tests.support.catalogs import CATALOG, FILMS, both_ways, name, planned


def read(target: str, **headers: Any) -> ReadPlan:
    plan = planned("GET", target, **headers)
    assert isinstance(plan, ReadPlan)
    return plan


def refused(method: str, target: str, body: bytes = b"", **headers: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        planned(method, target, body, **headers)
    assert caught.value.error.message
    return caught.value.error.status, caught.value.error.code


def test_filters_of_an_embed_belong_to_its_node() -> None:
    tree = read("/films?select=title,directors(name)&title=eq.Alien&directors.name=eq.Scott").tree
    [own] = tree.where
    [nested] = tree.embeds[0].node.where
    assert isinstance(own, PlanFilter)
    assert own.column.name == "title"
    assert isinstance(nested, PlanFilter)
    assert nested.column.name == "name"


def test_a_many_to_one_embed_joins_on_the_foreign_key() -> None:
    [embed] = read("/films?select=directors(name)").tree.embeds
    assert embed.to_one
    [join] = embed.node.joins
    assert (join.left_table, join.left_column) == (embed.node.alias, "id")
    assert (join.right_table, join.right_column) == ("films", "director_id")


def test_a_many_to_many_embed_joins_over_its_junction() -> None:
    [embed] = read("/films?select=actors(name)").tree.embeds
    assert not embed.to_one
    assert embed.node.junction is not None
    assert embed.node.junction[0].name == "roles"
    assert len(embed.node.joins) == 2


def test_names_of_nested_nodes_never_repeat_those_around_them() -> None:
    tree = read("/films?select=successor(successor(successor(id)))").tree
    aliases = []
    while tree.embeds:
        aliases += [tree.alias, tree.embeds[0].join_alias]
        tree = tree.embeds[0].node
    assert len(set(aliases)) == len(aliases)


def test_null_filters_on_an_embed_are_joins() -> None:
    tree = read("/films?select=*,actors()&actors=not.is.null").tree
    assert tree.where == (EmbedFilter(tree.embeds[0].join_alias, negated=True),)
    assert tree.embeds[0].hidden


def test_an_alias_hides_the_relation_from_no_filter_while_legacy_names_are_on() -> None:
    tree = read("/films?select=d:directors(name)&directors.name=eq.x").tree
    assert len(tree.embeds[0].node.where) == 1


def test_a_path_into_json_is_named_by_its_last_key() -> None:
    columns = read("/films?select=info->a->>b,info->list->0,info->0").tree.select
    assert [column.alias for column in columns] == ["b", "list", "info"]


def test_only_what_is_no_json_goes_through_to_jsonb() -> None:
    info, tags = read("/films?select=info->a,tags->0").tree.select
    assert not info.column.through_json
    assert tags.column.through_json


def test_stars_are_written_out_where_a_column_has_a_representation() -> None:
    columns = read("/films").tree.select
    assert [column.column.name for column in columns] == ["id", "title", "director_id", "info", "tags", "seen"]
    assert [column.column.converter and column.column.converter.name for column in columns][-1] == "seen_to_json"
    assert [column.column.name for column in read("/directors").tree.select] == ["*"]


def test_an_aggregate_of_a_to_one_spread_is_applied_by_the_parent() -> None:
    tree = read("/films?select=title,...directors(id.count())").tree
    [embed] = tree.embeds
    assert [column.aggregate for column in embed.node.select] == [None]
    assert [column.aggregate for column in embed.columns] == ["count"]


def test_stars_are_written_out_beside_an_aggregate_of_a_spread() -> None:
    tree = read("/roles?select=*,...actors(id.count())").tree
    assert [column.column.name for column in tree.select] == ["film_id", "actor_id"]


def test_the_order_of_a_to_many_spread_moves_into_its_arrays() -> None:
    [embed] = read("/films?select=...actors(name)&actors.order=name.desc").tree.embeds
    assert embed.node.order == ()
    assert [key.direction for key in embed.sort] == ["desc"]
    assert len(embed.extra_select) == 1


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/movies", 404, "PGRST205"),
        ("/films?select=producers(*)", 400, "PGRST200"),
        ("/films?directors.name=eq.x", 400, "PGRST108"),
        ("/films?directors.order=name", 400, "PGRST108"),
        ("/films?directors.limit=1", 400, "PGRST108"),
        ("/films?select=*,actors(*)&order=actors(name)", 400, "PGRST118"),
        ("/films?order=directors(name)", 400, "PGRST108"),
        ("/films?select=...actors(id.count())", 400, "PGRST127"),
        ("/films?select=...actors(id.count())&order=actors(name)", 400, "PGRST118"),
    ],
)
def test_what_cannot_be_read_is_refused(target: str, status: int, code: str) -> None:
    assert refused("GET", target) == (status, code)


def test_ambiguity_lists_the_candidates() -> None:
    with pytest.raises(Refused) as caught:
        planned("GET", "/roles?select=films(*),films!roles_film_id_fkey(*)", catalog=_twice())
    error = caught.value.error
    assert (error.status, error.code) == (300, "PGRST201")
    assert isinstance(error.details, list)
    assert {detail["cardinality"] for detail in error.details} == {"many-to-one"}
    assert len(error.details) == 2


def _twice() -> Catalog:
    """The catalog with a second foreign key from roles to films."""
    key = (name("roles"), "api")
    again = both_ways("roles", "actor_id", "films", "roles_again_fkey")[0]
    return replace(CATALOG, relationships={**CATALOG.relationships, key: (*CATALOG.relationships[key], again)})


@pytest.mark.parametrize(("target", "suggested"), [("directors", True), ("actors", True), ("lines", False)])
def test_of_relations_only_those_that_lead_to_the_target_are_suggested(target: str, suggested: bool) -> None:
    """films_old, which has no relationship at all, is like films, which leads to directors and actors."""
    lonely = replace(FILMS, name=name("films_old"))
    catalog = replace(CATALOG, relations={**CATALOG.relations, lonely.name: lonely})
    with pytest.raises(Refused) as caught:
        planned("GET", f"/films_old?select={target}(*)", catalog=catalog)
    assert ("'films'" in str(caught.value.error.hint)) == suggested


def test_handlers_of_a_relation_apply_to_whole_rows_only() -> None:
    whole = planned("GET", "/directors", accept="application/json, text/html")
    assert isinstance(whole, ReadPlan)
    assert whole.rendering.media_type.essence == "application/json"
    assert refused("GET", "/films?select=id", accept="text/html") == (406, "PGRST107")


def test_unknown_preferences_are_refused_when_handling_is_strict() -> None:
    assert refused("GET", "/films", prefer="handling=strict, what=ever") == (400, "PGRST122")
    assert read("/films", prefer="what=ever").preferences.invalid == ("what=ever",)


def test_long_names_stay_apart_however_many_they_are() -> None:
    tree = read("/films?select=" + ",".join([f"{'a' * 70}{number}:directors(id)" for number in range(70)])).tree
    assert len({embed.join_alias for embed in tree.embeds}) == 70


def test_of_embeds_that_a_name_may_mean_the_first_is_addressed() -> None:
    target = "/films?select=a:directors(id),directors:actors(id)&directors.id=eq.2"
    assert [len(embed.node.where) for embed in read(target).tree.embeds] == [1, 0]


def test_long_names_stay_apart_within_what_an_identifier_holds() -> None:
    alias = "a" * 70
    tree = read(f"/films?select={alias}1:directors(*),{alias}2:directors(*)").tree
    first, second = (embed.join_alias for embed in tree.embeds)
    assert first != second
    assert max(len(first), len(second)) <= 63
