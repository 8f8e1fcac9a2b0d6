-- The messages of a category above a global position, of a correlation and a consumer group's
-- member if given: at most max_rows, found among the category's next max_scanned messages. The last
-- row, without position and stream, says up to which global position that was; there is none if the
-- category has nothing above.
create function {functions}.category_pokes(
  category text,
  after bigint,
  correlation text,
  member integer,
  size integer,
  max_rows bigint,
  max_scanned bigint
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
declare
  _next record;
  _found bigint := 0;
begin
  for _next in
    select
      m.global_position,
      m.position,
      m.stream_name,
      (
        correlation is null
        or {schema}.category(m.metadata->>'correlationStreamName') = correlation
      ) and (
        size is null or {functions}.is_member(m.stream_name, member, size)
      ) as fits
    from {schema}.messages m
    where {schema}.category(m.stream_name) = category_pokes.category
      and m.global_position > after
    order by m.global_position
    limit max_scanned
  loop
    if _next.fits then
      return next (_next.global_position, _next.position, _next.stream_name)::{functions}.poke_row;
      _found := _found + 1;
      exit when _found = max_rows;
    end if;
  end loop;

  if _next.global_position is not null then
    return next (_next.global_position, null, null)::{functions}.poke_row;
  end if;
end;
$$;
