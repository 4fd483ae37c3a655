-- $1: relations
-- Every type, with its modifier, that a column of them is declared with, and what it comes down to.
WITH RECURSIVE declared AS (
  SELECT DISTINCT attribute.atttypid AS type, attribute.atttypmod AS modifier
  FROM unnest($1::oid[]) AS wanted (relation)
  JOIN pg_attribute AS attribute ON attribute.attrelid = wanted.relation
  WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
),
unfolded AS (
  SELECT known.oid AS type, known.oid AS base, known.typbasetype AS below
  FROM pg_type AS known
  WHERE known.oid IN (SELECT declared.type FROM declared)
  UNION ALL
  SELECT unfolded.type, known.oid, known.typbasetype
  FROM unfolded
  JOIN pg_type AS known ON known.oid = unfolded.below
)
SELECT declared.type,
       declared.modifier,
       format_type(declared.type, declared.modifier) AS nominal,
       CASE
         WHEN base.typnamespace = 'pg_catalog'::regnamespace THEN format_type(base.oid, NULL)
         ELSE format_type(declared.type, declared.modifier)
       END AS name,
       own.typnotnull AS not_null,
       CASE WHEN own.typtype = 'd' THEN pg_get_expr(own.typdefaultbin, 0) END AS fallback,
       CASE
         WHEN stored.modifier = -1 THEN NULL
         WHEN stored.type IN ('bpchar'::regtype, 'varchar'::regtype) THEN stored.modifier - 4
         WHEN stored.type IN ('bit'::regtype, 'varbit'::regtype) THEN stored.modifier
       END AS max_length,
       ARRAY(
         SELECT label.enumlabel::text
         FROM pg_enum AS label
         WHERE label.enumtypid = base.oid
         ORDER BY label.enumsortorder
       ) AS labels
FROM declared
JOIN unfolded ON unfolded.type = declared.type AND unfolded.below = 0
JOIN pg_type AS base ON base.oid = unfolded.base
JOIN pg_type AS own ON own.oid = declared.type
CROSS JOIN LATERAL (
  SELECT CASE own.typtype WHEN 'd' THEN own.typbasetype ELSE declared.type END AS type,
         CASE own.typtype WHEN 'd' THEN own.typtypmod ELSE declared.modifier END AS modifier
) AS stored;
