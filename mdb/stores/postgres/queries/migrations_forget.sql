-- Forgets what was applied to a schema that is gone: name.
delete from {registry}.schema_migrations where schema_name = $1
