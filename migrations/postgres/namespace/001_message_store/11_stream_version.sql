-- The highest position of a stream; null if it has no message.
-- The settings keep a plan that was made while the table was small from staying a full scan.
create function {schema}.stream_version(stream_name varchar)
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
