-- Messages of a category from a global position on (null: from the end that the direction begins
-- at) and none above up_to (null: no such bound); filtered by type, by the category of the
-- correlation stream, by the member of a consumer group, each if given; cut by rows and bytes like
-- stream_page.
create function {functions}.category_page(
  category text,
  forward boolean,
  from_global_position bigint,
  up_to bigint,
  of_type text,
  correlation text,
  member integer,
  size integer,
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
  _low constant bigint := case when forward then coalesce(from_global_position, 0) else 0 end;
  -- least() passes over nulls
  _high constant bigint := coalesce(
    least(up_to, case when not forward then from_global_position end), 9223372036854775807
  );
  _rows refcursor;
  _row {functions}.page_row;
  _bytes bigint := 0;
begin
  -- Bounds and order as pairs, which only the category's index has. With 'category = ...' the plan
  -- may follow the primary key and filter, which for a rare category is the whole table.
  --
  -- The correlation has queries of its own: as a bare condition it is judged within the index, and
  -- the messages of other correlations are never visited.
  if forward and correlation is null then
    open _rows for
      select m.global_position, {functions}.category_layout(m)
      from {schema}.messages m
      where ({schema}.category(m.stream_name), m.global_position) >= (category_page.category, _low)
        and ({schema}.category(m.stream_name), m.global_position) <= (category_page.category, _high)
        and (of_type is null or m.type = of_type)
        and (size is null or {functions}.is_member(m.stream_name, member, size))
      order by {schema}.category(m.stream_name), m.global_position
      limit max_rows;
  elsif forward then
    open _rows for
      select m.global_position, {functions}.category_layout(m)
      from {schema}.messages m
      where ({schema}.category(m.stream_name), m.global_position) >= (category_page.category, _low)
        and ({schema}.category(m.stream_name), m.global_position) <= (category_page.category, _high)
        and {schema}.category(m.metadata->>'correlationStreamName') = correlation
        and jsonb_typeof(m.metadata->'correlationStreamName') = 'string'
        and (of_type is null or m.type = of_type)
        and (size is null or {functions}.is_member(m.stream_name, member, size))
      order by {schema}.category(m.stream_name), m.global_position
      limit max_rows;
  elsif correlation is null then
    open _rows for
      select m.global_position, {functions}.category_layout(m)
      from {schema}.messages m
      where ({schema}.category(m.stream_name), m.global_position) >= (category_page.category, _low)
        and ({schema}.category(m.stream_name), m.global_position) <= (category_page.category, _high)
        and (of_type is null or m.type = of_type)
        and (size is null or {functions}.is_member(m.stream_name, member, size))
      order by {schema}.category(m.stream_name) desc, m.global_position desc
      limit max_rows;
  else
    open _rows for
      select m.global_position, {functions}.category_layout(m)
      from {schema}.messages m
      where ({schema}.category(m.stream_name), m.global_position) >= (category_page.category, _low)
        and ({schema}.category(m.stream_name), m.global_position) <= (category_page.category, _high)
        and {schema}.category(m.metadata->>'correlationStreamName') = correlation
        and jsonb_typeof(m.metadata->'correlationStreamName') = 'string'
        and (of_type is null or m.type = of_type)
        and (size is null or {functions}.is_member(m.stream_name, member, size))
      order by {schema}.category(m.stream_name) desc, m.global_position desc
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
