-- The indexes of a namespace's messages that Postgres vouches for: schema.
select i.relname
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = t.relnamespace
where n.nspname = $1
  and t.relname = 'messages'
  and x.indisvalid
  and (x.indisunique or i.relname = 'messages_category')
