-- The first global position above another; null if there is none.
create function {functions}.next_global_position(after bigint)
returns bigint
language plpgsql
stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return (
    select m.global_position
    from {schema}.messages m
    where m.global_position > after
    order by m.global_position
    limit 1
  );
end;
$$;
