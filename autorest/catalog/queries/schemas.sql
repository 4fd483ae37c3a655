-- $1: names of schemas
SELECT namespace.oid,
       namespace.nspname::text AS name,
       obj_description(namespace.oid, 'pg_namespace') AS description
FROM pg_namespace AS namespace
WHERE namespace.nspname = ANY ($1::text[]);
