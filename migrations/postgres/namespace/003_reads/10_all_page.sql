-- Messages of the whole namespace from a global position on (null: from the end that the direction
-- begins at) and none above up_to (null: no such bound), of one type if one is given, cut by rows
-- and bytes like stream_page.
create function {functions}.all_page(
  forward boolean,
  from_global_position bigint,
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
  _rows refcursor;
  _row {functions}.page_row;
  _bytes bigint := 0;
begin
  if forward then
    open _rows for
      select m.global_position, {functions}.category_layout(m)
      from {schema}.messages m
      where m.global_position >= coalesce(from_global_position, 0)
        and m.global_position <= coalesce(up_to, 9223372036854775807)
        and (of_type is null or m.type = of_type)
      order by m.global_position
      limit max_rows;
  else
    open _rows for
      select m.global_position, {functions}.category_layout(m)
      from {schema}.messages m
      where m.global_position <= coalesce(from_global_position, 9223372036854775807)
        and m.global_position <= coalesce(up_to, 9223372036854775807)
        and (of_type is null or m.type = of_type)
      order by m.global_position desc
      limit max_rows;
  end if;

  while _bytes < max_bytes loop
    fetch _rows into _row;
    exit when not found;
    return next _row;
    _bytes := _bytes + octet_length(_row.message);
  end loop;
  close _rows;
end;
$$;
