-- $1: schemas
-- A number that changes with the columns and functions of the schemas, and with the types of either.
SELECT coalesce(bit_xor(hashtextextended(thing, 0)), 0) & 4294967295 AS number
FROM (
  SELECT concat_ws('.', relation.oid, attribute.attnum, attribute.atttypid)
  FROM pg_class AS relation
  JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
  WHERE relation.relnamespace = ANY ($1::oid[])
    AND relation.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND attribute.attnum > 0
    AND NOT attribute.attisdropped
  UNION ALL
  SELECT concat_ws('.', routine.oid, routine.proargtypes::oid[], routine.prorettype)
  FROM pg_proc AS routine
  WHERE routine.pronamespace = ANY ($1::oid[])
) AS things (thing)
