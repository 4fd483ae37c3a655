-- $1: exposed schemas
-- What returns a domain that may be named like a media type: aggregates over the rows of a relation, or of any,
-- and functions that make the whole answer.
WITH media AS (
  SELECT domain.oid, domain.typname::text AS name, home.nspname::text AS schema
  FROM pg_type AS domain
  JOIN pg_namespace AS home ON home.oid = domain.typnamespace
  WHERE domain.typtype = 'd' AND domain.typname LIKE '%/%'
)
SELECT media.name AS media_type,
       home.nspname::text AS schema,
       routine.proname::text AS name,
       CASE WHEN relation.oid IS NOT NULL THEN input_home.nspname::text END AS target_schema,
       CASE WHEN relation.oid IS NOT NULL THEN input.typname::text END AS target_name
FROM media
JOIN pg_proc AS routine ON routine.prorettype = media.oid
JOIN pg_namespace AS home ON home.oid = routine.pronamespace
JOIN pg_type AS input ON input.oid = routine.proargtypes[0]
JOIN pg_namespace AS input_home ON input_home.oid = input.typnamespace
LEFT JOIN pg_class AS relation ON relation.oid = input.typrelid
WHERE routine.prokind = 'a'
  AND routine.pronargs = 1
  AND routine.pronamespace = ANY ($1::oid[])
  AND (input.oid = 'anyelement'::regtype OR relation.relkind IN ('r', 'p', 'v', 'm', 'f'))
UNION ALL
SELECT media.name,
       media.schema,
       media.name,
       home.nspname::text,
       routine.proname::text
FROM media
JOIN pg_proc AS routine ON routine.prorettype = media.oid
JOIN pg_namespace AS home ON home.oid = routine.pronamespace
WHERE routine.prokind = 'f'
  AND NOT routine.proretset
  AND routine.pronamespace = ANY ($1::oid[])
ORDER BY 1, 2, 3;
