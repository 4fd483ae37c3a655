"""The API as an OpenAPI 3.1 document: what it offers and what it answers, precise enough to generate a client."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from autorest.catalog.model import Catalog, QualifiedName
from autorest.openapi.comments import summary_and_description
from autorest.openapi.privileges import Access, RoutineKey, visible_relations, visible_routines
from autorest.openapi.v3 import login as login_parts
from autorest.openapi.v3 import relations as relation_parts
from autorest.openapi.v3 import routines as routine_parts
from autorest.openapi.v3 import shared
from autorest.openapi.v3.names import path_segment
from autorest.openapi.v3.types import Types

Json = dict[str, Any]

_INTRODUCTION: Final = "The tables, views and functions of a PostgreSQL schema."
_ROOT_TAG: Final = "Introspection"


def document_v3(
    catalog: Catalog,
    *,
    schema: str,
    relations: Mapping[QualifiedName, Access] | None,
    routines: Collection[RoutineKey] | None,
    schema_comment: str | None,
    version: str,
    server_url: str = "/",
    profiles: tuple[str, ...] = (),
    anonymous: bool = True,
    login: bool = False,
    registration: bool = False,
    conditional: bool = True,
) -> Json:
    """Return the OpenAPI 3.1 document of `schema`.

    `relations` and `routines` are what the role may use; None shows everything. The first line of
    `schema_comment` is the title, the rest the description. `server_url` is where the API is
    reached; a relative one counts from where the document was found. `profiles` are the exposed
    schemas, the default first. `anonymous`: requests without a token are served. `login` and
    `registration`: the paths below /auth/ that are switched on. `conditional`: entity tags are.
    """
    types = Types.of(catalog)
    several = len(profiles) > 1
    components = shared.components(profiles)
    paths: Json = {"/": _root_item()}
    tags: dict[str, Json] = {_ROOT_TAG: {"name": _ROOT_TAG, "description": "What this API offers"}}
    documented = set()
    for relation in visible_relations(catalog, schema, relations):
        access = Access() if relations is None else relations[relation.name]
        name = relation.name.name
        if item := relation_parts.path_item(relation, access, types, profiles=several, conditional=conditional):
            documented.add(relation.name)
            paths[f"/{path_segment(name)}"] = item
            tags[name] = {"name": name, "description": relation.description} if relation.description else {"name": name}
            components["schemas"] |= relation_parts.schemas(relation, access, catalog, types)
            components["parameters"] |= relation_parts.filter_parameters(relation)
            components["responses"] |= relation_parts.responses(relation, catalog, types, conditional=conditional)
    for routine, overloads in visible_routines(catalog, schema, routines):
        tags[routine_parts.TAG] = {"name": routine_parts.TAG, "description": "Functions of the database"}
        paths[f"/rpc/{path_segment(routine.name)}"] = routine_parts.path_item(
            overloads, catalog, documented, types, profiles=several, conditional=conditional
        )
        components["schemas"] |= routine_parts.schemas(overloads, types)
        components["responses"] |= routine_parts.responses(overloads, catalog, documented, types)
    if login:
        tags[login_parts.TAG] = {"name": login_parts.TAG, "description": "E-mail and password for a token"}
        paths |= login_parts.paths(registration=registration)
        components["schemas"] |= login_parts.schemas()
    title, description = summary_and_description(schema_comment)
    return {
        "openapi": "3.1.0",
        "info": {"title": title or "REST API", "description": description or _INTRODUCTION, "version": version},
        "servers": [{"url": server_url}],
        "security": [{}, {"JWT": []}] if anonymous else [{"JWT": []}],
        "tags": list(tags.values()),
        "paths": paths,
        "components": components,
    }


def _root_item() -> Json:
    return {
        "get": {
            "operationId": "describe",
            "tags": [_ROOT_TAG],
            "summary": "This document",
            "description": "`application/openapi+json;version=3.1` or `;version=2.0` chooses its version; a browser, "
            "which asks for `text/html`, gets a page to explore the API.",
            "responses": {
                "200": {
                    "description": "What the API offers to the role of the token",
                    "content": {
                        "application/openapi+json": {"schema": {"type": "object"}},
                        "text/html": {"schema": {"type": "string"}},
                    },
                },
                **shared.failures(),
            },
        }
    }
