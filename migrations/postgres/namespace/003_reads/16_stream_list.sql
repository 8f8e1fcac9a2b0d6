-- Streams whose name begins with a prefix ('' for all) and comes after a name (null: from the
-- start), in order of code points, at most max_rows: name, version, time of the last message.
create function {functions}.stream_list(prefix text, after text, max_rows bigint)
returns table (stream text, version bigint, last_activity timestamp)
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
  for stream in
    select m.stream_name
    from {schema}.messages m
    where m.position = 0
      and m.stream_name collate "C" >= greatest(prefix collate "C", after collate "C")
      and m.stream_name is distinct from after
    order by m.stream_name collate "C"
    limit max_rows
  loop
    exit when not starts_with(stream, prefix);
    select m.position, m.time
    into version, last_activity
    from {schema}.messages m
    where m.stream_name = stream
    order by m.position desc
    limit 1;
    return next;
  end loop;
end;
$$;
