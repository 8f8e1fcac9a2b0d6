-- Living namespaces by id: most rows, rows to pass over.
select
  n.id,
  n.incarnation,
  n.schema_name,
  (extract(epoch from n.created_at) * 1000000)::bigint as created_at,
  n.description,
  n.metadata,
  n.adopted
from {registry}.namespaces n
where n.deleted_at is null
order by n.id
limit $1 offset $2
