-- The messages of the whole namespace above a global position up to another, at most max_rows.
create function {functions}.all_pokes(after bigint, up_to bigint, max_rows bigint)
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
    where m.global_position > after and m.global_position <= up_to
    order by m.global_position
    limit max_rows;
end;
$$;
