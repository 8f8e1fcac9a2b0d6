-- Appends one message, with the same rules and outcomes as write_messages; faster for a single one.
-- In as few statements as can be: each costs as much as an index's look-up.
--
-- given:    the client made the id, so a message with it may be stored already.
-- expected: the version that the stream must have, or null.
--
-- outcome:  0 written, 1 repeated (stored already and equal; the stored positions),
--           2 version conflict (actual: the stream's version), 3 id conflict.
-- head:     of what was written the global position before it: whoever has seen all up to there
--           misses nothing before this message. Null for every other outcome. It is reckoned and not
--           looked up: a look-up was a tenth of the whole call, and a burnt number in between costs
--           followers no more than a read.
create or replace function {functions}.write_one(
  id uuid,
  given boolean,
  stream text,
  type text,
  data jsonb,
  metadata jsonb,
  expected bigint,
  out outcome smallint,
  out "position" bigint,
  out global_position bigint,
  out actual bigint,
  out head bigint
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
  _locked boolean;
  _same boolean;
begin
  -- By itself: each statement that follows sees all that was committed before the lock was ours.
  -- The key is that of lock_namespace. A call of that, or of this by 'perform', is a statement more.
  _locked := pg_advisory_xact_lock(
    1835295232, '{schema}'::regnamespace::oid::bigint::bit(32)::integer
  ) is not null;

  if given then
    -- Null and JSON null read alike, so they are alike.
    select
      m.position,
      m.global_position,
      m.stream_name = write_one.stream
        and m.type = write_one.type
        and coalesce(m.data, 'null') = coalesce(write_one.data, 'null')
        and coalesce(m.metadata, 'null') = coalesce(write_one.metadata, 'null')
    into write_one.position, write_one.global_position, _same
    from {schema}.messages m
    where m.id = write_one.id;

    if found then
      outcome := 1;
      if not _same then
        outcome := 3;
        position := null;
        global_position := null;
      end if;
      return;
    end if;
  end if;

  position := coalesce(
    (
      select m.position
      from {schema}.messages m
      where m.stream_name = write_one.stream
      order by m.position desc
      limit 1
    ),
    -1
  );
  if expected <> position then
    outcome := 2;
    actual := position;
    position := null;
    return;
  end if;

  outcome := 0;
  position := position + 1;
  insert into {schema}.messages as m (id, stream_name, type, position, data, metadata)
  values (
    write_one.id,
    write_one.stream,
    write_one.type,
    write_one.position,
    write_one.data,
    write_one.metadata
  )
  returning m.global_position into write_one.global_position;
  head := global_position - 1;
end;
$$;
