-- A new namespace: incarnation, id, schema, description, metadata. Its time of
-- creation in microseconds since 1970, and the metadata as they will be read.
insert into {registry}.namespaces (incarnation, id, schema_name, description, metadata)
values ($1, $2, $3, $4, $5)
returning (extract(epoch from created_at) * 1000000)::bigint as created_at, metadata
