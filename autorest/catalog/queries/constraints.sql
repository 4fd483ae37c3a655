-- $1: relations
SELECT rule.contype::text AS kind,
       rule.conname::text AS name,
       rule.conrelid AS relation,
       rule.conkey::int[] AS key,
       rule.confrelid AS target,
       rule.confkey::int[] AS target_key
FROM pg_constraint AS rule
WHERE rule.conrelid = ANY ($1::oid[])
  AND (
    rule.contype IN ('p', 'u')
    OR (rule.contype = 'f' AND rule.conparentid = 0 AND rule.confrelid = ANY ($1::oid[]))
  )
ORDER BY rule.conrelid, rule.conname;
