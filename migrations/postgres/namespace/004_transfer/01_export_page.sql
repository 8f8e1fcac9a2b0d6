-- Messages with everything that is kept of them, above a global position and up to another, in
-- order: those of some categories (null: of all), and of a time (null: no such bound; since is
-- inclusive, until exclusive). At most max_rows are looked at, and the page ends with the message
-- that reaches max_bytes. Where the last one looked at is not of the time, it comes with its global
-- position alone, and says how far the page went.
create function {functions}.export_page(
  after bigint,
  up_to bigint,
  categories text[],
  since timestamp,
  until timestamp,
  max_rows bigint,
  max_bytes bigint
)
returns table (
  global_position bigint,
  id uuid,
  stream_name text,
  type text,
  "position" bigint,
  data text,
  metadata text,
  "time" timestamp
)
language plpgsql
stable
-- Plans are made for any table, the empty one of a new namespace included: along an index, in its
-- order. jit: the estimate for a large table would start a compilation for every page.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  _rows refcursor;
  _row {schema}.messages;
  _bytes bigint := 0;
begin
  if categories is null then
    open _rows for
      select m.*
      from {schema}.messages m
      where m.global_position > after and m.global_position <= up_to
      order by m.global_position
      limit max_rows;
  else
    -- Each category is an index range; only the rows of the page are fetched.
    open _rows for
      select m.*
      from (
        select p.global_position
        from unnest(categories) c
        cross join lateral (
          select x.global_position
          from {schema}.messages x
          -- As pairs, which only the category's index has: the primary key is no way to go.
          where ({schema}.category(x.stream_name), x.global_position) > (c, after)
            and ({schema}.category(x.stream_name), x.global_position) <= (c, up_to)
          order by {schema}.category(x.stream_name), x.global_position
          limit max_rows
        ) p
        order by p.global_position
        limit max_rows
      ) k
      join {schema}.messages m on m.global_position = k.global_position
      order by k.global_position;
  end if;

  while _bytes < max_bytes loop
    fetch _rows into _row;
    exit when not found;
    global_position := _row.global_position;
    if (since is null or _row.time >= since) and (until is null or _row.time < until) then
      id := _row.id;
      stream_name := _row.stream_name;
      type := _row.type;
      "position" := _row.position;
      data := _row.data::text;
      metadata := _row.metadata::text;
      "time" := _row.time;
      return next;
      _bytes := _bytes + octet_length(data) + coalesce(octet_length(metadata), 0);
    else
      id := null;
    end if;
  end loop;
  close _rows;

  if global_position is not null and id is null then
    stream_name := null;
    type := null;
    "position" := null;
    data := null;
    metadata := null;
    "time" := null;
    return next;
  end if;
end;
$$;
