-- write_one under Message DB's lock of the category, which is waited for a moment: nothing else is
-- held. When that is not enough it fails with lock_not_available, and nothing was written.
create or replace function {functions}.write_one_locked(
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
as $$
begin
  -- By itself: what follows sees all that was committed before the lock was ours.
  if not pg_try_advisory_xact_lock({functions}.lock_key(stream)) then
    perform {functions}.lock_categories('{}', array[{functions}.lock_key(stream)]);
  end if;
  select w.*
  into outcome, "position", global_position, actual, head
  from {functions}.write_one(id, given, stream, type, data, metadata, expected) w;
end;
$$;
