-- Implicit casts by a function that the connected role may execute, between a domain and json or text.
SELECT format_type(conversion.castsource, NULL) AS source,
       format_type(conversion.casttarget, NULL) AS target,
       home.nspname::text AS schema,
       routine.proname::text AS name
FROM pg_cast AS conversion
JOIN pg_type AS source ON source.oid = conversion.castsource
JOIN pg_type AS target ON target.oid = conversion.casttarget
JOIN pg_proc AS routine ON routine.oid = conversion.castfunc
JOIN pg_namespace AS home ON home.oid = routine.pronamespace
WHERE conversion.castcontext = 'i'
  AND conversion.castmethod = 'f'
  AND (
    source.typtype = 'd' AND target.oid IN ('json'::regtype, 'text'::regtype)
    OR target.typtype = 'd' AND source.oid IN ('json'::regtype, 'text'::regtype)
  )
  AND has_function_privilege(routine.oid, 'EXECUTE');
