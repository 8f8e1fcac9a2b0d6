-- What was applied to a schema: name.
select version, name, checksum
from {registry}.schema_migrations
where schema_name = $1
