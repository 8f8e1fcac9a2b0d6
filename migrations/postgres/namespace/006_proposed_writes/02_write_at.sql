-- Appends messages at positions that the caller proposes, all or nothing. For a caller that knows the
-- versions of their streams from its own commits.
--
-- known_head: the namespace's highest global position as the caller's last commit left it, 0 for none.
--             If it is another by now, somebody else has written: nothing is, and what is returned is
--             null.
--
-- That nobody has is not relied upon: the unique indexes on (stream_name, position) and on id are the
-- judges, and a wrong proposal ends in their error (23505) with nothing written. A proposal must follow
-- a version that was committed; then a stale one always meets a row, and no hole can arise. Versions of
-- streams that are not written cannot be checked this way.
--
-- Returns the global positions in order.
create function {functions}.write_at(
  ids uuid[],
  streams text[],
  types text[],
  datas jsonb[],
  metadatas jsonb[],
  positions bigint[],
  known_head bigint,
  out global_positions bigint[]
)
language plpgsql
volatile
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  -- In a statement of its own: what follows sees all that was committed before the lock was ours.
  perform {functions}.lock_namespace();

  if known_head <> coalesce(
    (select m.global_position from {schema}.messages m order by m.global_position desc limit 1), 0
  ) then
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
