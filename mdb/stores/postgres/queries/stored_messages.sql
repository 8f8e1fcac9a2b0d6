-- What is stored of some messages: ids, streams, types, datas, metadatas. One row a stored one: its
-- place (from 1), where it is, whether it is the same.
select
  x.o as place,
  m.position,
  m.global_position,
  -- Null and JSON null read alike, so they are alike.
  m.stream_name = x.s
    and m.type = x.t
    and coalesce(m.data, 'null') = coalesce(x.d, 'null')
    and coalesce(m.metadata, 'null') = coalesce(x.m, 'null') as same
from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[])
  with ordinality as x (i, s, t, d, m, o)
cross join lateral (
  -- One look-up an id, whatever the planner thinks of the table: the limit keeps it from a join.
  select * from {schema}.messages where id = x.i limit 1
) m
