-- Which of these are still good: tokens by digest, namespaces by incarnation.
select
  array(
    select t.digest
    from {registry}.tokens t
    join {registry}.namespaces n on n.incarnation = t.incarnation and n.deleted_at is null
    where t.digest = any($1) and (t.expires_at is null or t.expires_at > clock_timestamp())
  ) as digests,
  array(
    select n.incarnation
    from {registry}.namespaces n
    where n.incarnation = any($2) and n.deleted_at is null
  ) as incarnations
