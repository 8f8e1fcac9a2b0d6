-- Whether a schema has a relation messages. From the catalogue: it needs no right on the schema.
select exists (
  select
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1::text and c.relname = 'messages'
)
