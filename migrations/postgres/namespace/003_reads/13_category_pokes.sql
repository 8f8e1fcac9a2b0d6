-- The messages of a category above a global position up to another, of a correlation and of the
-- member of a consumer group if given, at most max_rows, in order.
create function {functions}.category_pokes(
  category text,
  after bigint,
  up_to bigint,
  correlation text,
  member integer,
  size integer,
  max_rows bigint
)
returns setof {functions}.poke_row
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
  -- In pairs, and with a query of its own for the correlation: see category_page.
  if correlation is null then
    return query
      select m.stream_name, m.position, m.global_position
      from {schema}.messages m
      where ({schema}.category(m.stream_name), m.global_position) > (category_pokes.category, after)
        and ({schema}.category(m.stream_name), m.global_position) <= (category_pokes.category, up_to)
        and (size is null or {functions}.is_member(m.stream_name, member, size))
      order by {schema}.category(m.stream_name), m.global_position
      limit max_rows;
  else
    return query
      select m.stream_name, m.position, m.global_position
      from {schema}.messages m
      where ({schema}.category(m.stream_name), m.global_position) > (category_pokes.category, after)
        and ({schema}.category(m.stream_name), m.global_position) <= (category_pokes.category, up_to)
        and {schema}.category(m.metadata->>'correlationStreamName') = correlation
        and jsonb_typeof(m.metadata->'correlationStreamName') = 'string'
        and (size is null or {functions}.is_member(m.stream_name, member, size))
      order by {schema}.category(m.stream_name), m.global_position
      limit max_rows;
  end if;
end;
$$;
