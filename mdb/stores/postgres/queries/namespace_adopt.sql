-- A new namespace in an adopted schema: incarnation, id, schema. Its time of creation in
-- microseconds since 1970.
insert into {registry}.namespaces (incarnation, id, schema_name, adopted)
values ($1, $2, $3, true)
returning (extract(epoch from created_at) * 1000000)::bigint as created_at
