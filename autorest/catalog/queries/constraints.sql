-- $1: relations
-- The numbers of columns travel as oid[], whose codec asyncpg has: for int2[] it would first query the catalog.
SELECT rule.contype::text AS kind,
       rule.conname::text AS name,
       rule.conrelid AS relation,
       rule.conkey::oid[] AS key,
       rule.confrelid AS target,
       rule.confkey::oid[] AS target_key
FROM pg_constraint AS rule
WHERE rule.conrelid = ANY ($1::oid[])
  AND (
    rule.contype IN ('p', 'u')
    OR (rule.contype = 'f' AND rule.conparentid = 0 AND rule.confrelid = ANY ($1::oid[]))
  )
ORDER BY rule.conrelid, rule.conname;
