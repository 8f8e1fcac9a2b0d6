-- The version that a Message DB gives itself, and whether its locks have the keys that ours have.
select
  {schema}.message_store_version()::text as version,
  not exists (
    select
    from unnest(array['account', 'account-1', 'account-', '-', 'a-b-c', 'größe-1']) as x (name)
    where {schema}.hash_64({schema}.category(name)) is distinct from
      ('x' || md5(split_part(name, '-', 1)))::bit(64)::bigint
  ) as same_keys
