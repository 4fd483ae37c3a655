-- $1: relations
SELECT attribute.attrelid AS relation,
       attribute.attnum::int AS number,
       attribute.attname::text AS name,
       attribute.atttypid AS type,
       attribute.atttypmod AS modifier,
       attribute.attnotnull AS not_null,
       attribute.atthasdef AS has_default,
       CASE
         WHEN attribute.attgenerated <> '' THEN NULL
         WHEN attribute.attidentity = 'd' THEN (
           SELECT format('nextval(%L)', owned.objid::regclass)
           FROM pg_depend AS owned
           WHERE owned.refclassid = 'pg_class'::regclass
             AND owned.refobjid = attribute.attrelid
             AND owned.refobjsubid = attribute.attnum
             AND owned.classid = 'pg_class'::regclass
             AND owned.deptype = 'i'
         )
         ELSE pg_get_expr(fallback.adbin, fallback.adrelid)
       END AS fallback,
       attribute.attgenerated = '' AND attribute.attidentity <> 'a' AS writable,
       remark.description
FROM unnest($1::oid[]) AS wanted (relation)
JOIN pg_attribute AS attribute ON attribute.attrelid = wanted.relation
LEFT JOIN pg_attrdef AS fallback
       ON fallback.adrelid = attribute.attrelid AND fallback.adnum = attribute.attnum
LEFT JOIN pg_description AS remark
       ON remark.objoid = attribute.attrelid
      AND remark.classoid = 'pg_class'::regclass
      AND remark.objsubid = attribute.attnum
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
ORDER BY attribute.attrelid, attribute.attnum;
