-- The last message of a stream, or its last one of a type, as JSON text; null if there is none.
create function {functions}.last_message(stream text, of_type text)
returns text
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
  return (
    select {functions}.stream_layout(m)
    from {schema}.messages m
    where m.stream_name = stream and (of_type is null or m.type = of_type)
    order by m.position desc
    limit 1
  );
end;
$$;
