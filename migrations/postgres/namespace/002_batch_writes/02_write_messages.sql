-- Appends a batch of groups in one call. A group is written as a whole or not at all, and its
-- outcome is its own: it sees the groups before it in the batch, as far as they were written.
--
-- One element a message, in order:
--   groups            the number of its group: 1, 2, 3, ... without gaps, never falling
--   ids, streams, types, datas, metadatas
--   given             the client made the id, so a message with it may be stored already
-- One element an expectation, in order of groups:
--   expecting         the number of the group that expects it
--   expected_streams  a stream, written by the group or not
--   expected_versions the version it must have before the group; -1: no message
--
-- One row comes back:
--   head              the namespace's highest global position before this batch, 0 if it had none
--   positions, global_positions   one element a message; null in a group that was not written
--   outcomes          null when every group was written, else one element a group:
--                     0 written, 1 repeated (every id stored already, with equal messages: the
--                     stored positions; expectations are not looked at), 2 version conflict,
--                     3 id conflict
--   places            of a version conflict the number of the first failed expectation, of an id
--                     conflict that of the message whose id is taken (counted from 1)
--   actuals           of a version conflict the version that the stream had
create function {functions}.write_messages(
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
  out head bigint,
  out positions bigint[],
  out global_positions bigint[],
  out outcomes smallint[],
  out places integer[],
  out actuals bigint[]
)
language plpgsql
volatile
-- A plan made while the table is small is kept for the life of the session; without these it would
-- scan the whole table from then on.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  _clear boolean;
begin
  -- In a statement of its own: what follows sees all that was committed before the lock was ours.
  perform {functions}.lock_namespace();

  -- The usual case, decided for the batch as a whole: no id is known, every expectation holds.
  -- Positions count on from the stream's version, which is looked up at its first appearance only.
  if cardinality(expecting) = 0 then
    with counted as (
      select o, s, row_number() over (partition by s collate "C" order by o) as k
      from unnest(streams) with ordinality as x (s, o)
    ),
    based as (
      select o, s, k, case when k = 1 then coalesce(
        (
          select m.position
          from {schema}.messages m
          where m.stream_name = counted.s
          order by m.position desc
          limit 1
        ),
        -1
      ) end as base
      from counted
    ),
    placed as (
      select o, k + max(base) over (partition by s collate "C") as p
      from based
    )
    select
      array_agg(p order by o),
      true,
      (select m.global_position from {schema}.messages m order by m.global_position desc limit 1)
    into positions, _clear, head
    from placed;
  else
    -- The same with the expectations in the rows, each before the messages of its group.
    with asked as (
      select o, s, g, null::bigint as e, 1 as kind
      from unnest(streams, groups) with ordinality as x (s, g, o)
      union all
      select o, s, g, e, 0
      from unnest(expected_streams, expecting, expected_versions) with ordinality as x (s, g, e, o)
    ),
    counted as (
      select
        *,
        row_number() over first_to_last as r,
        sum(kind) over first_to_last as k
      from asked
      window first_to_last as (partition by s collate "C" order by g, kind, o)
    ),
    based as (
      select *, case when r = 1 then coalesce(
        (
          select m.position
          from {schema}.messages m
          where m.stream_name = counted.s
          order by m.position desc
          limit 1
        ),
        -1
      ) end as base
      from counted
    ),
    placed as (
      select o, kind, e, k + max(base) over (partition by s collate "C") as p
      from based
    )
    select
      array_agg(p order by o) filter (where kind = 1),
      coalesce(bool_and(p = e) filter (where kind = 0), true),
      (select m.global_position from {schema}.messages m order by m.global_position desc limit 1)
    into positions, _clear, head
    from placed;
  end if;
  head := coalesce(head, 0);

  if _clear and true = any (given) then
    -- Scalar look-ups, because 'exists' would become a join, and a join may read the whole index.
    select
      count(case when x.g then (select 1 from {schema}.messages m where m.id = x.i) end) = 0
      and count(x.i) = count(distinct x.i)
    into _clear
    from unnest(ids, given) as x (i, g);
  end if;

  if not _clear then
    select *
    into positions, global_positions, outcomes, places, actuals
    from {functions}.write_judged(
      groups, ids, given, streams, types, datas, metadatas,
      expecting, expected_streams, expected_versions
    );
    return;
  end if;

  with written as (
    insert into {schema}.messages as m (id, stream_name, type, position, data, metadata)
    select x.i, x.s, x.t, x.p, x.d, x.m
    from unnest(ids, streams, types, positions, datas, metadatas)
      with ordinality as x (i, s, t, p, d, m, o)
    order by x.o
    returning m.global_position
  )
  select array_agg(w.global_position order by w.global_position)
  into global_positions
  from written w;
end;
$$;
