-- Takes Message DB's locks of categories until the transaction ends, and returns those it got.
--
-- Never waiting for one while holding another: Message DB's clients may write two categories in a
-- transaction, in any order, and whoever waits while holding meets one of them in a circle. So locks
-- are tried, and what is busy is left out. Only with nothing in hand one is waited for, and not for
-- long: what was left out comes again, and until then other categories' writes go on.
--
-- first: keys that were left out too often, of one write. They are waited for in order, all within
-- half a second together, which is less than the second after which a client's session looks for a
-- deadlock and may be chosen to end it. When that is not enough it fails with lock_not_available.
create function {functions}.lock_categories(first bigint[], keys bigint[])
returns bigint[]
language plpgsql
volatile
set lock_timeout = '100ms'
as $$
declare
  _held bigint[] := '{}';
  _end constant timestamptz := clock_timestamp() + interval '500 ms';
  _left integer;
  _key bigint;
begin
  foreach _key in array first loop
    continue when _key = any (_held);
    _left := extract(epoch from _end - clock_timestamp()) * 1000;
    if _left < 1 then
      raise exception 'no lock of category hash % in time', _key using errcode = '55P03';
    end if;
    perform set_config('lock_timeout', _left || 'ms', true);
    perform pg_advisory_xact_lock(_key);
    _held := _held || _key;
  end loop;

  for _pass in 1 .. 2 loop
    foreach _key in array keys loop
      if _key <> all (_held) and pg_try_advisory_xact_lock(_key) then
        _held := _held || _key;
      end if;
    end loop;
    exit when _held <> '{}';
    perform pg_advisory_xact_lock(keys[1]);
    _held := array[keys[1]];
  end loop;
  return _held;
end;
$$;
