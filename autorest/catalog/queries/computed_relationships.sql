-- $1: exposed schemas
-- Functions from a row of one exposed relation to rows of another, wherever the function itself is.
SELECT home.nspname::text AS schema,
       routine.proname::text AS name,
       origin.relnamespace AS origin_schema,
       origin.relname::text AS origin_name,
       target.relnamespace AS target_schema,
       target.relname::text AS target_name,
       NOT routine.proretset OR routine.prorows = 1 AS to_one
FROM pg_proc AS routine
JOIN pg_namespace AS home ON home.oid = routine.pronamespace
JOIN pg_class AS origin ON origin.reltype = routine.proargtypes[0]
JOIN pg_class AS target ON target.reltype = routine.prorettype
WHERE routine.pronargs = 1
  AND routine.prokind = 'f'
  AND origin.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND target.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND origin.relnamespace = ANY ($1::oid[])
  AND target.relnamespace = ANY ($1::oid[]);
