-- Who may still fill a gap in the global positions: the transactions that hold a lock to write messages now.
-- An insert takes the table's lock before it draws its number and keeps it to its end, so a number
-- missing after all of these have ended never comes. Prepared transactions have no pid.
select virtualtransaction || '/' || coalesce(pid, 0) as holder, pid
from pg_locks
where locktype = 'relation'
  and granted
  and database = (select oid from pg_database where datname = current_database())
  and relation = '{schema}.messages'::regclass
  and mode in (
    'RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
  )
  and pid is distinct from pg_backend_pid()
