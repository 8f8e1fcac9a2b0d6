-- What Message DB's installation grants to its role message_store, and no more. Execution of the
-- functions that are not Message DB's is taken from everybody, who has it from Postgres.
do $$
declare
  _function regprocedure;
begin
  for _function in
    select f.oid
    from pg_proc f
    where f.pronamespace = '{schema}'::regnamespace
      and f.proname not in (
        'acquire_lock', 'cardinal_id', 'category', 'get_category_messages',
        'get_last_stream_message', 'get_stream_messages', 'hash_64', 'id', 'is_category',
        'lock_namespace', 'message_store_version', 'stream_version', 'write_message'
      )
  loop
    execute format('revoke execute on function %s from public', _function);
  end loop;
end;
$$;
grant usage on schema {schema} to {role};
grant select, insert on {schema}.messages to {role};
grant usage, select on sequence {schema}.messages_global_position_seq to {role};
grant execute on function
  {schema}.acquire_lock(varchar),
  {schema}.cardinal_id(varchar),
  {schema}.category(varchar),
  {schema}.get_category_messages(varchar, bigint, bigint, varchar, bigint, bigint, varchar),
  {schema}.get_last_stream_message(varchar, varchar),
  {schema}.get_stream_messages(varchar, bigint, bigint, varchar),
  {schema}.hash_64(varchar),
  {schema}.id(varchar),
  {schema}.is_category(varchar),
  {schema}.lock_namespace(),  -- which acquire_lock calls
  {schema}.message_store_version(),
  {schema}.stream_version(varchar),
  {schema}.write_message(varchar, varchar, varchar, jsonb, jsonb, bigint)
to {role};
grant select on
  {schema}.category_type_summary,
  {schema}.stream_summary,
  {schema}.stream_type_summary,
  {schema}.type_category_summary,
  {schema}.type_stream_summary,
  {schema}.type_summary
to {role};
