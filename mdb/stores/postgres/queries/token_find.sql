-- A token that is valid now, with its living namespace: digest.
select
  t.digest,
  n.id,
  n.incarnation,
  n.schema_name,
  (extract(epoch from n.created_at) * 1000000)::bigint as created_at,
  n.description,
  n.metadata,
  n.adopted
from {registry}.tokens t
join {registry}.namespaces n on n.incarnation = t.incarnation and n.deleted_at is null
where t.digest = $1 and (t.expires_at is null or t.expires_at > clock_timestamp())
