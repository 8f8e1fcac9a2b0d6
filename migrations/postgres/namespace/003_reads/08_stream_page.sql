-- Messages of a stream from a position on (null: from the end that the direction begins at), of one
-- type if one is given, none above the global position up_to (null: no such bound), until max_rows
-- are read or their texts have max_bytes together. The row that reaches max_bytes is the last, so
-- one row always comes.
create function {functions}.stream_page(
  stream text,
  forward boolean,
  from_position bigint,
  up_to bigint,
  of_type text,
  max_rows bigint,
  max_bytes bigint
)
returns setof {functions}.page_row
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
declare
  _up_to constant bigint := coalesce(up_to, 9223372036854775807);
  _rows refcursor;
  _row {functions}.page_row;
  _bytes bigint := 0;
begin
  if forward then
    open _rows for
      select m.position, {functions}.stream_layout(m)
      from {schema}.messages m
      where m.stream_name = stream
        and m.position >= coalesce(from_position, 0)
        and m.global_position <= _up_to
        and (of_type is null or m.type = of_type)
      order by m.position
      limit max_rows;
  else
    open _rows for
      select m.position, {functions}.stream_layout(m)
      from {schema}.messages m
      where m.stream_name = stream
        and m.position <= coalesce(from_position, 9223372036854775807)
        and m.global_position <= _up_to
        and (of_type is null or m.type = of_type)
      order by m.position desc
      limit max_rows;
  end if;

  -- Row by row, so that no text is made that the page has no room for.
  while _bytes < max_bytes loop
    fetch _rows into _row;
    exit when not found;
    return next _row;
    _bytes := _bytes + octet_length(_row.message);
  end loop;
  close _rows;
end;
$$;
