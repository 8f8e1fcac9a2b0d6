-- The messages of a stream above a global position up to another, from a stream position on, at most
-- max_rows, in order.
create function {functions}.stream_pokes(
  stream text,
  min_position bigint,
  after bigint,
  up_to bigint,
  max_rows bigint
)
returns setof {functions}.poke_row
language plpgsql
stable
-- Plans are made for any table, the empty one of a new namespace included: along an index, in its
-- order. jit: the estimate for a large table would start a compilation for every page.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
begin
  return query
    select m.stream_name, m.position, m.global_position
    from {schema}.messages m
    where m.stream_name = stream
      and m.position >= {functions}.first_position(stream, after + 1)
      and m.position >= min_position
      and m.global_position <= up_to
    order by m.position
    limit max_rows;
end;
$$;
