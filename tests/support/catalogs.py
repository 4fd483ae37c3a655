"""A small catalog, made by hand, for tests of the pure rooms."""

from __future__ import annotations

from autorest.catalog.model import (
    Cardinality,
    Catalog,
    Column,
    ComputedRelationship,
    Junction,
    MediaHandler,
    Parameter,
    QualifiedName,
    Relation,
    Relationship,
    ReturnType,
    Routine,
    Volatility,
)
from autorest.plan.model import Plan
from autorest.plan.planner import plan
from autorest.request.request import RequestSettings, parse_request


def name(text: str) -> QualifiedName:
    return QualifiedName("api", text)


def relation(text: str, key: tuple[str, ...] = ("id",), **columns: str) -> Relation:
    return Relation(name(text), {each: Column(each, type_, type_) for each, type_ in columns.items()}, key)


def both_ways(child: str, column: str, parent: str, constraint: str) -> tuple[Relationship, Relationship]:
    """A foreign key from `child.column` to `parent.id`, seen from either end."""
    up = Relationship(name(child), name(parent), Cardinality.MANY_TO_ONE, constraint, ((column, "id"),))
    down = Relationship(name(parent), name(child), Cardinality.ONE_TO_MANY, constraint, (("id", column),))
    return up, down


FILMS = relation("films", id="integer", title="text", director_id="integer", info="jsonb", tags="text[]", seen="seen")
DIRECTORS = relation("directors", id="integer", name="text")
ACTORS = relation("actors", id="integer", name="text", search="tsvector")
ROLES = relation("roles", ("film_id", "actor_id"), film_id="integer", actor_id="integer")
LOG = relation("log", (), line="text")


def _relationships() -> dict[tuple[QualifiedName, str], tuple[Relationship | ComputedRelationship, ...]]:
    film, films = both_ways("films", "director_id", "directors", "films_director_id_fkey")
    first, firsts = both_ways("roles", "film_id", "films", "roles_film_id_fkey")
    second, seconds = both_ways("roles", "actor_id", "actors", "roles_actor_id_fkey")
    junction = Junction(
        name("roles"), "roles_film_id_fkey", "roles_actor_id_fkey", (("id", "film_id"),), (("id", "actor_id"),)
    )
    many = Relationship(name("films"), name("actors"), Cardinality.MANY_TO_MANY, "", (), junction)
    computed = ComputedRelationship(name("successor"), name("films"), name("films"), to_one=True, is_self=True)
    found = (film, films, first, firsts, second, seconds, many, computed)
    by_origin: dict[tuple[QualifiedName, str], tuple[Relationship | ComputedRelationship, ...]] = {}
    for one in found:
        by_origin[one.origin, "api"] = (*by_origin.get((one.origin, "api"), ()), one)
    return by_origin


def routine(text: str, *parameters: Parameter, returns: ReturnType, volatility: Volatility) -> Routine:
    return Routine(name(text), parameters, returns, volatility)


INTEGER = ReturnType(QualifiedName("pg_catalog", "int4"))
ADD = routine(
    "add",
    Parameter("a", "integer", "integer"),
    Parameter("b", "integer", "integer", required=False),
    returns=INTEGER,
    volatility=Volatility.IMMUTABLE,
)
BEST = routine(
    "best_films",
    returns=ReturnType(name("films"), set_of=True, composite=True),
    volatility=Volatility.STABLE,
)
KEEP = routine("keep", Parameter("", "json", "json"), returns=INTEGER, volatility=Volatility.VOLATILE)

CATALOG = Catalog(
    relations={each.name: each for each in (FILMS, DIRECTORS, ACTORS, ROLES, LOG)},
    relationships=_relationships(),
    routines={each.name: (each,) for each in (ADD, BEST, KEEP)},
    representations={
        ("seen", "json"): QualifiedName("api", "seen_to_json"),
        ("text", "seen"): QualifiedName("api", "seen_from_text"),
        ("json", "seen"): QualifiedName("api", "seen_from_json"),
    },
    media_handlers={
        (name("films"), "text/html"): MediaHandler(name("films_page"), name("films"), "text/html"),
    },
)


class Switches:
    """The settings that planning looks at."""

    db_aggregates_enabled = True
    db_plan_enabled = True
    url_use_legacy_target_names = True


def planned(method: str, target: str, body: bytes = b"", catalog: Catalog = CATALOG, **headers: str) -> Plan:
    """Plan a request as it would be sent; headers are named with underscores."""
    path, _, query = target.partition("?")
    sent = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    request = parse_request(method, path.encode(), query.encode(), sent, body, RequestSettings(("api",), True))
    return plan(request, catalog, Switches())
