-- $1: exposed schemas; $2: regular expressions for the settings (name=value) to hoist
-- Without any parameter name a function can be called only with a single body of one of five types.
SELECT routine.pronamespace AS schema,
       routine.proname::text AS name,
       coalesce(routine.proargnames, '{}') AS names,
       coalesce(routine.proallargtypes, routine.proargtypes::oid[]) AS types,
       coalesce(routine.proargmodes::text[], '{}') AS modes,
       routine.pronargs - routine.pronargdefaults AS required,
       routine.prorettype AS returns,
       routine.proretset AS returns_set,
       routine.provolatile::text AS volatility,
       routine.provariadic <> 0 AS variadic,
       (
         SELECT split_part(setting, '=', 2)
         FROM unnest(routine.proconfig) AS setting
         WHERE setting LIKE 'default\_transaction\_isolation=%'
       ) AS isolation_level,
       ARRAY(
         SELECT setting
         FROM unnest(routine.proconfig) AS setting
         WHERE setting ~ ANY ($2::text[])
       ) AS settings,
       remark.description
FROM pg_proc AS routine
LEFT JOIN pg_description AS remark
       ON remark.objoid = routine.oid AND remark.classoid = 'pg_proc'::regclass AND remark.objsubid = 0
WHERE routine.pronamespace = ANY ($1::oid[])
  AND routine.prokind = 'f'
  AND routine.prorettype <> 'trigger'::regtype
  AND (
    routine.proargnames IS NOT NULL
    OR routine.pronargs = 0
    OR routine.pronargs = 1
       AND routine.proargtypes[0] = ANY (ARRAY['json', 'jsonb', 'text', 'xml', 'bytea']::regtype[])
  );
