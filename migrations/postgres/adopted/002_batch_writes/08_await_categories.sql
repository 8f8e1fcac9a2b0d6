-- Returns when each of the streams' categories has been free for a moment since the call: whatever
-- transaction held one of these locks before has ended. One is taken after the other and given back
-- at once, by the end of a subtransaction, so that nothing is held while the next is waited for.
create function {functions}.await_categories(streams text[])
returns void
language plpgsql
volatile
as $$
declare
  _key bigint;
begin
  for _key in select distinct {functions}.lock_key(s) from unnest(streams) as x (s) loop
    begin
      perform pg_advisory_xact_lock(_key);
      raise exception using errcode = 'MDB01', message = 'given back';
    exception
      when sqlstate 'MDB01' then null;
    end;
  end loop;
end;
$$;
