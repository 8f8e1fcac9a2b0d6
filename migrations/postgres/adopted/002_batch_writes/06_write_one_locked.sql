-- write_one under Message DB's lock of the category, which is waited for a moment: nothing else is
-- held. When that is not enough it fails with lock_not_available, and nothing was written.
create function {functions}.write_one_locked(
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
  -- In a statement of its own: what follows sees all that was committed before the lock was ours.
  perform {functions}.lock_categories('{}', array[{functions}.lock_key(stream)]);
  select w.*
  into outcome, "position", global_position, actual, head
  from {functions}.write_one(id, given, stream, type, data, metadata, expected) w;
end;
$$;
