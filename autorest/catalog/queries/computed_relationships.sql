-- $1: exposed schemas
-- Functions from a row of one relation to rows of another, all three of them exposed.
SELECT routine.pronamespace AS schema,
       routine.proname::text AS name,
       origin.relnamespace AS origin_schema,
       origin.relname::text AS origin_name,
       target.relnamespace AS target_schema,
       target.relname::text AS target_name,
       NOT routine.proretset OR routine.prorows = 1 AS to_one
FROM pg_proc AS routine
JOIN pg_class AS origin ON origin.reltype = routine.proargtypes[0]
JOIN pg_class AS target ON target.reltype = routine.prorettype
WHERE routine.pronargs = 1
  AND routine.prokind = 'f'
  AND origin.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND target.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND routine.pronamespace = ANY ($1::oid[])
  AND origin.relnamespace = ANY ($1::oid[])
  AND target.relnamespace = ANY ($1::oid[]);
