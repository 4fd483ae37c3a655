"""Statements that ask what the current role may use in a schema."""

from __future__ import annotations

from typing import Final

from autorest.sql.statement import Statement

_BARE_SEARCH_PATH: Final = b"SELECT pg_catalog.set_config('search_path', '', true)"

_USABLE_RELATIONS: Final = """
    SELECT json_agg(json_build_array(
             relation.relname,
             pg_catalog.has_any_column_privilege(relation.oid, 'SELECT'),
             pg_catalog.has_any_column_privilege(relation.oid, 'INSERT'),
             pg_catalog.has_any_column_privilege(relation.oid, 'UPDATE'),
             pg_catalog.has_table_privilege(relation.oid, 'DELETE')
           ) ORDER BY relation.relname)
    FROM pg_catalog.pg_class AS relation
    WHERE relation.relnamespace = namespace.oid
      AND relation.relkind = ANY ('{r,p,v,m,f}')
      AND NOT relation.relispartition
      AND (
        pg_catalog.pg_has_role(relation.relowner, 'USAGE')
        OR pg_catalog.has_table_privilege(
             relation.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
        OR pg_catalog.has_any_column_privilege(relation.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
      )
"""

_USABLE_ROUTINES: Final = """
    SELECT json_agg(json_build_array(routine.proname, ARRAY(
             SELECT pg_catalog.format_type(input.type, NULL)
             FROM unnest(routine.proargtypes) WITH ORDINALITY AS input (type, position)
             ORDER BY input.position
           )) ORDER BY routine.proname)
    FROM pg_catalog.pg_proc AS routine
    WHERE routine.pronamespace = namespace.oid
      AND routine.prokind = 'f'
      AND pg_catalog.has_function_privilege(routine.oid, 'EXECUTE')
"""

_PRIVILEGES: Final = f"""
SELECT ({_USABLE_RELATIONS}), ({_USABLE_ROUTINES}), pg_catalog.obj_description(namespace.oid, 'pg_namespace')
FROM (SELECT $1::name AS wanted) AS asked
LEFT JOIN pg_catalog.pg_namespace AS namespace ON namespace.nspname = asked.wanted
""".encode()

_COMMENT: Final = b"""
SELECT (
  SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1
)
"""


def privileges(schema: str) -> tuple[Statement, Statement]:
    """Return the statements that ask what the current role may use in `schema`, to be run in order.

    The first leaves only pg_catalog on the search path for the rest of the transaction, so that type
    names print as the catalog has them. The second gives one row, for
    `autorest.openapi.privileges.read_privileges`: relations, each as an array of its name
    and whether it may be selected from, inserted into, updated and deleted from; routines, each as an
    array of its name and its parameters' types; the comment. Each is NULL where there is none.

    A relation counts as usable with any privilege on it or on one of its columns, a function with
    EXECUTE; USAGE on the schema is not looked at.
    """
    return Statement(_BARE_SEARCH_PATH), Statement(_PRIVILEGES, (schema.encode(),))


def schema_comment(schema: str) -> Statement:
    """Return the statement that gives one row with one column: the comment on `schema`, or NULL."""
    return Statement(_COMMENT, (schema.encode(),))
