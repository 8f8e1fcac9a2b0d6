-- The settings of a writing session for one transaction, where a pooler may swap sessions between
-- transactions. Settings: lock_timeout.
select
  case when current_setting('synchronous_commit') in ('off', 'local')
    then set_config('synchronous_commit', 'on', true)
  end,
  set_config('lock_timeout', $1, true)
