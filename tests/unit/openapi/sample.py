"""A small catalog with one of everything the documents tell apart."""

from __future__ import annotations

from autorest.catalog.model import (
    Cardinality,
    Catalog,
    Column,
    ComputedRelationship,
    MediaHandler,
    Parameter,
    QualifiedName,
    Relation,
    Relationship,
    ReturnType,
    Routine,
    Volatility,
)


def named(name: str) -> QualifiedName:
    return QualifiedName("api", name)


def columns(*given: Column) -> dict[str, Column]:
    return {column.name: column for column in given}


CLIENTS = Relation(
    named("clients"),
    columns(Column("id", "integer", "integer", nullable=False), Column("name", "text", "text")),
    primary_key=("id",),
)

PROJECTS = Relation(
    named("projects"),
    columns(
        Column("id", "bigint", "bigint", nullable=False, default="nextval('api.projects_id_seq'::regclass)"),
        Column("client_id", "integer", "integer", description="Who pays"),
        Column("name", "character varying", "character varying(40)", nullable=False, max_length=40),
        Column("state", "api.state", "api.state", nullable=False, default="'new'::api.state", enum=("new", "done")),
        Column("budget", "numeric", "numeric(8,2)", default="42.5"),
        Column("active", "boolean", "boolean", nullable=False, default="true"),
        Column("tags", "text[]", "text[]", default="'{}'::text[]"),
        Column("extra", "jsonb", "jsonb", nullable=False, default="'{}'::jsonb"),
        Column("made", "timestamp with time zone", "timestamp with time zone", default="now()"),
        Column("slug", "text", "text", writable=False),
    ),
    primary_key=("id",),
    description="Projects\n\nWhat we do\nfor clients.",
)

OPEN_PROJECTS = Relation(
    named("open_projects"),
    columns(Column("id", "bigint", "bigint"), Column("client_id", "integer", "integer")),
    primary_key=("id",),
    is_view=True,
    insertable=False,
    updatable=False,
    deletable=False,
)

CLIENTS_VIEW = Relation(named("a_clients_view"), columns(Column("id", "integer", "integer")), is_view=True)

ODD = Relation(
    named('odd /{name}~%"'),
    columns(Column("a.b,c", "text", "text"), Column("select", "text", "text"), Column("with space", "text", "text")),
)

NOTHING_IN_IT = Relation(named("empty"), {})

ELSEWHERE = Relation(QualifiedName("other", "hidden"), columns(Column("id", "integer", "integer")))

ADD = Routine(
    named("add"),
    (Parameter("a", "integer", "integer"), Parameter("b", "integer", "integer", required=False)),
    ReturnType(QualifiedName("pg_catalog", "int4")),
    Volatility.IMMUTABLE,
    "Adds\n\nTwo numbers.",
)
ADD_ONE = Routine(
    named("add"),
    (Parameter("a", "integer", "integer"),),
    ReturnType(QualifiedName("pg_catalog", "int4")),
    Volatility.VOLATILE,
)
PROJECTS_IN = Routine(
    named("projects_in"),
    (Parameter("state", "api.state", "api.state"),),
    ReturnType(named("projects"), set_of=True, composite=True),
    Volatility.STABLE,
)
TOTAL = Routine(
    named("total"),
    (Parameter("numbers", "bigint[]", "bigint[]", required=False, variadic=True),),
    ReturnType(QualifiedName("pg_catalog", "numeric")),
    Volatility.STABLE,
    variadic=True,
)
MIXED = Routine(
    named("mixed"),
    (
        Parameter("list", "integer[]", "integer[]"),
        Parameter("doc", "json", "json"),
        Parameter("docs", "jsonb[]", "jsonb[]"),
        Parameter("flag", "boolean", "boolean", required=False),
    ),
    ReturnType(QualifiedName("pg_catalog", "_text")),
    Volatility.STABLE,
)
UPLOAD = Routine(
    named("upload"),
    (Parameter("", "bytea", "bytea"),),
    ReturnType(QualifiedName("pg_catalog", "void")),
)
LOGO = Routine(named("logo"), (), ReturnType(named("image/png")), Volatility.STABLE)


def foreign_key(target: QualifiedName, target_is_view: bool = False) -> Relationship:
    return Relationship(
        origin=PROJECTS.name,
        target=target,
        cardinality=Cardinality.MANY_TO_ONE,
        constraint="projects_client_id_fkey",
        columns=(("client_id", "id"),),
        target_is_view=target_is_view,
    )


CATALOG = Catalog(
    relations={
        relation.name: relation
        for relation in (PROJECTS, CLIENTS, OPEN_PROJECTS, CLIENTS_VIEW, ODD, NOTHING_IN_IT, ELSEWHERE)
    },
    relationships={
        (PROJECTS.name, "api"): (
            foreign_key(CLIENTS_VIEW.name, target_is_view=True),
            foreign_key(CLIENTS.name),
            ComputedRelationship(named("owner_of"), PROJECTS.name, CLIENTS.name, to_one=True),
        )
    },
    routines={
        ADD.name: (ADD_ONE, ADD),
        PROJECTS_IN.name: (PROJECTS_IN,),
        TOTAL.name: (TOTAL,),
        MIXED.name: (MIXED,),
        UPLOAD.name: (UPLOAD,),
        LOGO.name: (LOGO,),
    },
    media_handlers={(LOGO.name, "image/png"): MediaHandler(named("image/png"), LOGO.name, "image/png")},
    schemas={"api": None, "other": None},
)
