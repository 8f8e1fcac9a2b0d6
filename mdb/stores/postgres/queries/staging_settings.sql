-- Plans that use the indexes, whatever is known of the tables, which is nothing of temporary ones.
-- For the transaction alone where a pooler may give the session to others: true.
select
  set_config('enable_seqscan', 'off', $1),
  set_config('enable_hashjoin', 'off', $1),
  set_config('enable_mergejoin', 'off', $1)
