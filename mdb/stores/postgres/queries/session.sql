-- Sets up a session and says who it is. synchronous_commit is only ever raised: an operator may have
-- asked for more than "on". The start time tells this session from a later one with the same pid.
-- Settings: lock_timeout, idle_in_transaction_session_timeout.
select
  pg_backend_pid() as pid,
  (select backend_start from pg_stat_activity where pid = pg_backend_pid()) as started,
  case when current_setting('synchronous_commit') in ('off', 'local')
    then set_config('synchronous_commit', 'on', false)
  end,
  set_config('default_transaction_isolation', 'read committed', false),
  set_config('search_path', 'pg_catalog', false),
  set_config('lock_timeout', $1, false),
  set_config('idle_in_transaction_session_timeout', $2, false),
  set_config('jit', 'off', false)
