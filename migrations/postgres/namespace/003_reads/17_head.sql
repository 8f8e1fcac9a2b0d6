-- The highest global position, 0 if there is no message.
create function {functions}.head()
returns bigint
language plpgsql
stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return coalesce(
    (select m.global_position from {schema}.messages m order by m.global_position desc limit 1), 0
  );
end;
$$;
