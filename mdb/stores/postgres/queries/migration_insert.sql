-- Notes a migration: schema, version, name, checksum.
insert into {registry}.schema_migrations (schema_name, version, name, checksum)
values ($1, $2, $3, $4)
