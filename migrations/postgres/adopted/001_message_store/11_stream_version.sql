-- The highest position of a stream; null if it has no message. Message DB's own looks for its table
-- along search_path.
create function {functions}.stream_version(stream_name varchar)
returns bigint
language plpgsql
volatile
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return (
    select m.position
    from {schema}.messages m
    where m.stream_name = stream_version.stream_name
    order by m.position desc
    limit 1
  );
end;
$$;
