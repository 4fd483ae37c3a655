-- $1: exposed schemas
-- Every type in the signature of a function in them, and what it comes down to.
WITH RECURSIVE mentioned AS (
  SELECT DISTINCT unnest(coalesce(routine.proallargtypes, routine.proargtypes::oid[]) || routine.prorettype) AS type
  FROM pg_proc AS routine
  WHERE routine.pronamespace = ANY ($1::oid[]) AND routine.prokind = 'f'
),
unfolded AS (
  SELECT known.oid AS type, known.oid AS base, known.typbasetype AS below
  FROM pg_type AS known
  WHERE known.oid IN (SELECT mentioned.type FROM mentioned)
  UNION ALL
  SELECT unfolded.type, known.oid, known.typbasetype
  FROM unfolded
  JOIN pg_type AS known ON known.oid = unfolded.below
)
SELECT unfolded.type,
       format_type(unfolded.type, NULL) AS name,
       home.nspname::text AS base_schema,
       base.typname::text AS base_name,
       base.typtype = 'c' AS is_composite
FROM unfolded
JOIN pg_type AS base ON base.oid = unfolded.base
JOIN pg_namespace AS home ON home.oid = base.typnamespace
WHERE unfolded.below = 0;
