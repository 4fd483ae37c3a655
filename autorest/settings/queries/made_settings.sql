-- What the settings named in $1 are in this transaction.
SELECT wanted.name, current_setting(wanted.name, true) AS value
  FROM unnest($1::text[]) AS wanted(name)
 WHERE current_setting(wanted.name, true) IS NOT NULL
