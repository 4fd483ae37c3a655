-- Settings of the role that the gateway connects as; those for this database come last, since they win.
SELECT substr(entry.setting, 1, position('=' IN entry.setting) - 1) AS name,
       substr(entry.setting, position('=' IN entry.setting) + 1) AS value
  FROM pg_catalog.pg_db_role_setting AS stored
  JOIN pg_catalog.pg_roles AS own ON own.oid = stored.setrole AND own.rolname = current_user
 CROSS JOIN LATERAL unnest(stored.setconfig) AS entry(setting)
 WHERE stored.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
   AND entry.setting LIKE 'pgrst.%'
 ORDER BY stored.setdatabase
