-- The parameters among $1 that the gateway's role was granted SET on (PostgreSQL 15 and later).
SELECT wanted.name
  FROM unnest($1::text[]) AS wanted(name)
 WHERE has_parameter_privilege(current_user, wanted.name, 'SET')
