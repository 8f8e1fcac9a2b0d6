-- The position of a stream's first message at or above a global position; null if there is none.
-- By halving: in a stream both positions rise together. Some twenty look-ups for a million messages.
create function {functions}.first_position(stream text, from_global_position bigint)
returns bigint
language plpgsql
stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  _low bigint := 0;  -- no message below this position can be the one
  _high bigint;      -- this position is one that fits
  _middle bigint;
  _position bigint;
  _global_position bigint;
begin
  select m.position, m.global_position
  into _high, _global_position
  from {schema}.messages m
  where m.stream_name = first_position.stream
  order by m.position desc
  limit 1;

  if not found or _global_position < from_global_position then
    return null;
  end if;

  while _low < _high loop
    _middle := _low + (_high - _low) / 2;
    -- At or above the middle: others may have left holes.
    select m.position, m.global_position
    into _position, _global_position
    from {schema}.messages m
    where m.stream_name = first_position.stream and m.position >= _middle
    order by m.position
    limit 1;

    if _global_position < from_global_position then
      _low := _position + 1;
    elsif _position < _high then
      _high := _position;
    else
      _high := _middle;  -- a hole from the middle up to what is known to fit
    end if;
  end loop;
  -- After a hole the bound may stand below the message itself.
  return (
    select m.position
    from {schema}.messages m
    where m.stream_name = first_position.stream and m.position >= _high
    order by m.position
    limit 1
  );
end;
$$;
