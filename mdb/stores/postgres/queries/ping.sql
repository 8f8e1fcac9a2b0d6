-- Whether the registry answers.
select count(*) from {registry}.schema_migrations where version = 1 and schema_name = $1
