-- Message DB's verb for "lock before you write". Returns Message DB's number, the hash of the
-- category, but locks the whole namespace: callers of write_message and the server's own batches
-- must wait for one another.
create function {schema}.acquire_lock(stream_name varchar)
returns bigint
language plpgsql
volatile
as $$
declare
  _category varchar := {schema}.category(acquire_lock.stream_name);
  _category_name_hash bigint := {schema}.hash_64(_category);
begin
  perform {schema}.lock_namespace();

  if 'on' in (current_setting('message_store.debug_write', true),
              current_setting('message_store.debug', true)) then
    raise notice '» acquire_lock';
    raise notice 'stream_name: %', acquire_lock.stream_name;
    raise notice '_category: %', _category;
    raise notice '_category_name_hash: %', _category_name_hash;
  end if;

  return _category_name_hash;
end;
$$;
