-- write_messages for those groups of a batch whose categories' locks are free, under these locks;
-- the guarded categories count like the written ones.
--
-- patient: the number of a group whose locks are waited for, as it was left out too often; or null.
-- See lock_categories.
--
-- busy:    the numbers of the groups that were left out, null if there are none. A group is left out,
--          too, when one before it that shares a category was: what waits for a stream keeps its
--          order. Every other column is of the groups that are left, numbered anew.
create function {functions}.write_free(
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
  patient integer,
  out busy integer[],
  out head bigint,
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
  _groups constant integer[] := groups || expecting;
  _streams constant text[] := streams || expected_streams;
  _needed bigint[];     -- of each message, then of each expectation: the key of its category
  _keys bigint[];       -- each key once, in order of first need
  _first bigint[] := '{}';
  _held bigint[];
  _wanted bigint[];
  _barred bigint[] := '{}';
  _number integer[];    -- of each group: its new number, null for one that is left out
  _next integer := 0;
begin
  select array_agg({functions}.lock_key(s) order by o)
  into _needed
  from unnest(_streams) with ordinality as x (s, o);

  select array_agg(k order by o)
  into _keys
  from (
    select k, min(g * 1000000::bigint + o) as o
    from unnest(_needed, _groups) with ordinality as x (k, g, o)
    group by k
  ) x;

  if patient is not null then
    select array_agg(distinct k order by k)
    into _first
    from unnest(_needed, _groups) as x (k, g)
    where g = patient;
  end if;

  -- In a statement of its own: what follows sees all that was committed before a lock was ours.
  _held := {functions}.lock_categories(_first, _keys);

  if _held @> _keys then
    select w.*
    into head, positions, global_positions, outcomes, places, actuals
    from {functions}.write_messages(
      groups, ids, given, streams, types, datas, metadatas,
      expecting, expected_streams, expected_versions
    ) w;
    return;
  end if;

  for _group in 1 .. groups[cardinality(groups)] loop
    select array_agg(k) into _wanted from unnest(_needed, _groups) as x (k, g) where g = _group;
    if _held @> _wanted and not _barred && _wanted then
      _next := _next + 1;
      _number[_group] := _next;
    else
      _number[_group] := null;
      _barred := _barred || _wanted;
      busy := busy || _group;
    end if;
  end loop;
  if _next = 0 then
    return;
  end if;

  select
    array_agg(_number[x.g] order by x.o),
    array_agg(x.i order by x.o),
    array_agg(x.k order by x.o),
    array_agg(x.s order by x.o),
    array_agg(x.t order by x.o),
    array_agg(x.d order by x.o),
    array_agg(x.m order by x.o)
  into groups, ids, given, streams, types, datas, metadatas
  from unnest(groups, ids, given, streams, types, datas, metadatas)
    with ordinality as x (g, i, k, s, t, d, m, o)
  where _number[x.g] is not null;

  select
    coalesce(array_agg(_number[x.g] order by x.o), '{}'),
    coalesce(array_agg(x.s order by x.o), '{}'),
    coalesce(array_agg(x.v order by x.o), '{}')
  into expecting, expected_streams, expected_versions
  from unnest(expecting, expected_streams, expected_versions) with ordinality as x (g, s, v, o)
  where _number[x.g] is not null;

  select w.*
  into head, positions, global_positions, outcomes, places, actuals
  from {functions}.write_messages(
    groups, ids, given, streams, types, datas, metadatas,
    expecting, expected_streams, expected_versions
  ) w;
end;
$$;
