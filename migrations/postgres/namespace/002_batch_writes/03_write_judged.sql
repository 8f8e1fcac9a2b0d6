-- The batch of write_messages, group by group: for when an id is known or an expectation fails.
-- Called by it alone, under its lock. Everything is decided in arrays first, and then written by one
-- insert, so there is nothing to undo and no subtransaction.
create function {functions}.write_judged(
  groups integer[],
  ids uuid[],
  given boolean[],
  streams text[],
  types text[],
  datas jsonb[],
  metadatas jsonb[],
  expecting integer[],
  expected_streams text[],
  expected_versions bigint[],
  out positions bigint[],
  out global_positions bigint[],
  out outcomes smallint[],
  out places integer[],
  out actuals bigint[]
)
language plpgsql
volatile
as $$
declare
  _count constant integer := cardinality(ids);
  _groups constant integer := groups[_count];
  _stream integer[];    -- of each message, then of each expectation: the number of its stream
  _version bigint[];    -- of each stream: its version, as left by the groups written so far
  _first integer[];     -- of each message: the first message of the batch with its id
  _owner integer[];     -- of each first message: the message that was written with this id
  _claimed integer[];   -- of each first message: the group that last asked for this id
  _copied integer[];    -- of each message: the message of this batch that it repeats
  _same boolean[];      -- of each message: whether the stored one is equal; null: none is stored
  _stored_positions bigint[];
  _stored_global_positions bigint[];
  _wins boolean[] := array_fill(false, array[_count]);
  _new_global_positions bigint[];
  _low integer;         -- the group's first and last message
  _high integer := 0;
  _e integer := 1;      -- the first expectation not yet judged
  _known integer;
  _taken integer;       -- a message whose id is known
  _different integer;   -- the first message whose id is known with another content
  _other integer;
  _n integer := 0;
begin
  positions := array_fill(null::bigint, array[_count]);
  global_positions := positions;
  outcomes := array_fill(null::smallint, array[_groups]);
  places := array_fill(null::integer, array[_groups]);
  actuals := array_fill(null::bigint, array[_groups]);
  _owner := array_fill(null::integer, array[_count]);
  _claimed := _owner;
  _copied := _owner;

  select array_agg(x.r order by x.o)
  into _stream
  from (
    select o, dense_rank() over (order by s collate "C") as r
    from unnest(streams || expected_streams) with ordinality as u (s, o)
  ) x;

  select array_agg(
    coalesce(
      (
        select m.position
        from {schema}.messages m
        where m.stream_name = x.s
        order by m.position desc
        limit 1
      ),
      -1
    )
    order by x.s collate "C"
  )
  into _version
  from (
    select min(s collate "C") collate "default" as s
    from unnest(streams || expected_streams) as u (s)
    group by s collate "C"
  ) x;

  select
    array_agg(x.f order by x.o),
    array_agg(m.position order by x.o),
    array_agg(m.global_position order by x.o),
    array_agg(
      -- Null and JSON null read alike, so they are alike.
      case when m.id is not null then
        m.stream_name = x.s
          and m.type = x.t
          and coalesce(m.data, 'null') = coalesce(x.d, 'null')
          and coalesce(m.metadata, 'null') = coalesce(x.m, 'null')
      end
      order by x.o
    )
  into _first, _stored_positions, _stored_global_positions, _same
  from (
    select *, min(o) over (partition by i) as f
    from unnest(ids, given, streams, types, datas, metadatas)
      with ordinality as u (i, g, s, t, d, m, o)
  ) x
  left join lateral (
    select m.*
    from {schema}.messages m
    where m.id = case when x.g then x.i end
    offset 0  -- keeps it one look-up a message; merged into the join it may read the whole index
  ) m on true;

  for _group in 1 .. _groups loop
    _low := _high + 1;
    _known := 0;
    _taken := null;
    _different := null;
    while groups[_high + 1] = _group loop
      _high := _high + 1;
      _other := _owner[_first[_high]];
      if _claimed[_first[_high]] = _group then  -- an id twice in one group
        _taken := coalesce(_taken, _high);
        _different := coalesce(_different, _high);
      elsif _same[_high] is not null then
        _known := _known + 1;
        _taken := coalesce(_taken, _high);
        if not _same[_high] then
          _different := coalesce(_different, _high);
        end if;
      elsif _other is not null then
        _known := _known + 1;
        _taken := coalesce(_taken, _high);
        if streams[_other] <> streams[_high]
          or types[_other] <> types[_high]
          or coalesce(datas[_other], 'null') <> coalesce(datas[_high], 'null')
          or coalesce(metadatas[_other], 'null') <> coalesce(metadatas[_high], 'null')
        then
          _different := coalesce(_different, _high);
        end if;
      end if;
      _claimed[_first[_high]] := _group;
    end loop;

    if _taken is null then
      outcomes[_group] := 0;
      while expecting[_e] = _group loop
        if outcomes[_group] = 0 and expected_versions[_e] <> _version[_stream[_count + _e]] then
          outcomes[_group] := 2;
          places[_group] := _e;
          actuals[_group] := _version[_stream[_count + _e]];
        end if;
        _e := _e + 1;
      end loop;
    else
      while expecting[_e] = _group loop
        _e := _e + 1;
      end loop;
      outcomes[_group] := 3;
      places[_group] := coalesce(_different, _taken);
      if _different is null and _known = _high - _low + 1 then
        outcomes[_group] := 1;
        places[_group] := null;
      end if;
    end if;

    if outcomes[_group] = 0 then
      for _i in _low .. _high loop
        positions[_i] := _version[_stream[_i]] + 1;
        _version[_stream[_i]] := positions[_i];
        _owner[_first[_i]] := _i;
        _wins[_i] := true;
      end loop;
    elsif outcomes[_group] = 1 then
      for _i in _low .. _high loop
        if _same[_i] is not null then
          positions[_i] := _stored_positions[_i];
          global_positions[_i] := _stored_global_positions[_i];
        else
          _copied[_i] := _owner[_first[_i]];
        end if;
      end loop;
    end if;
  end loop;

  with written as (
    insert into {schema}.messages as m (id, stream_name, type, position, data, metadata)
    select x.i, x.s, x.t, x.p, x.d, x.m
    from unnest(ids, streams, types, positions, datas, metadatas, _wins)
      with ordinality as x (i, s, t, p, d, m, w, o)
    where x.w
    order by x.o
    returning m.global_position
  )
  select array_agg(w.global_position order by w.global_position)
  into _new_global_positions
  from written w;

  for _i in 1 .. _count loop
    if _wins[_i] then
      _n := _n + 1;
      global_positions[_i] := _new_global_positions[_n];
    elsif _copied[_i] is not null then  -- always of an earlier message, so it is filled in
      positions[_i] := positions[_copied[_i]];
      global_positions[_i] := global_positions[_copied[_i]];
    end if;
  end loop;
end;
$$;
