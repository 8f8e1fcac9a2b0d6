-- Streams whose name begins with a prefix ('' for all) and comes after a name (null: from the
-- start), in order of code points, at most max_rows: name, version, time of the last message.
--
-- Message DB has one index by stream, in the order of the database's collation. Along it from stream
-- to stream, never from message to message. Where that order is the one of code points, it is begun
-- and ended where it should be; else all names are gone through and sorted.
create function {functions}.stream_list(prefix text, after text, max_rows bigint)
returns table (stream text, version bigint, last_activity timestamp)
language plpgsql
stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  _by_code_point constant boolean := (
    select datcollate in ('C', 'POSIX') from pg_database where datname = current_database()
  );
begin
  for stream in
    with recursive names (name) as (
      (
        select m.stream_name
        from {schema}.messages m
        where m.stream_name >= case
          when _by_code_point then greatest(prefix collate "C", after collate "C") else ''
        end
        order by m.stream_name
        limit 1
      )
      union all
      select (
        select m.stream_name
        from {schema}.messages m
        where m.stream_name > n.name
        order by m.stream_name
        limit 1
      )
      from names n
      where n.name is not null
    ),
    listed as (
      select n.name
      from names n
      where n.name is not null
        and (after is null or n.name collate "C" > after collate "C")
        and starts_with(n.name, prefix)
      -- Lazily: the recursion goes no further than the limit asks for.
      limit case when _by_code_point then max_rows end
    )
    select name from listed order by name collate "C" limit max_rows
  loop
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
