-- The messages of the whole namespace above a global position, at most max_rows, in order.
create function {functions}.all_pokes(after bigint, max_rows bigint)
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
    select m.global_position, m.position, m.stream_name
    from {schema}.messages m
    where m.global_position > after
    order by m.global_position
    limit max_rows;
end;
$$;
