-- $1: schemas whose relations are exposed
-- A partition is no resource of its own, but a foreign key declared on it alone still leads to or from it.
WITH linked AS (
  SELECT unnest(ARRAY[link.conrelid, link.confrelid]) AS relation
  FROM pg_constraint AS link
  WHERE link.contype = 'f' AND link.conparentid = 0
)
SELECT relation.oid,
       relation.relnamespace AS schema,
       relation.relname::text AS name,
       relation.relkind IN ('v', 'm') AS is_view,
       relation.relispartition AS is_partition,
       CASE
         WHEN relation.relkind IN ('r', 'p') THEN -1
         WHEN relation.relkind = 'm' THEN 0
         ELSE pg_relation_is_updatable(relation.oid, true)
       END AS commands,
       remark.description
FROM pg_class AS relation
LEFT JOIN pg_description AS remark
       ON remark.objoid = relation.oid AND remark.classoid = 'pg_class'::regclass AND remark.objsubid = 0
WHERE relation.relnamespace = ANY ($1::oid[])
  AND relation.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (NOT relation.relispartition OR relation.oid IN (SELECT linked.relation FROM linked));
