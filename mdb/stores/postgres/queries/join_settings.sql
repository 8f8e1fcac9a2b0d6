-- Before a write inside somebody's own transaction: table. What that transaction is, whether the table
-- is in this database; and the durability that every write has.
select
  current_setting('transaction_isolation') as isolation,
  to_regclass($1::text) is not null as present,
  case when current_setting('synchronous_commit') in ('off', 'local')
    then set_config('synchronous_commit', 'on', true)
  end
