-- A living namespace: id.
select
  n.id,
  n.incarnation,
  n.schema_name,
  (extract(epoch from n.created_at) * 1000000)::bigint as created_at,
  n.description,
  n.metadata,
  n.adopted
from {registry}.namespaces n
where n.id = $1 and n.deleted_at is null
