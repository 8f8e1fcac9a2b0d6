-- Ends a session, if it is still there, and waits for its end: pid, start time, milliseconds.
-- False: it is still there.
select coalesce(
  (
    select pg_terminate_backend(pid, $3)
    from pg_stat_activity
    where pid = $1 and backend_start = $2 and pid <> pg_backend_pid()
  ),
  true
)
