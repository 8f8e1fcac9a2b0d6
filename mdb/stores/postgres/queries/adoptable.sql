-- What keeps a schema from being adopted as a Message DB 1.2 or 1.3, a line each; none: nothing.
-- From the catalogues alone: it asks for no right on the schema.
with place as (
  select oid from pg_namespace where nspname = $1::text
),
log as (
  select c.* from pg_class c join place p on p.oid = c.relnamespace where c.relname = 'messages'
),
counter as (
  select c.oid, s.seqcache, s.seqincrement, s.seqcycle
  from pg_class c
  join place p on p.oid = c.relnamespace
  join pg_sequence s on s.seqrelid = c.oid
  where c.relname = 'messages_global_position_seq'
),
columns (name, type) as (
  values
    ('global_position', 'bigint'),
    ('position', 'bigint'),
    ('time', 'timestamp without time zone'),
    ('stream_name', 'text'),
    ('type', 'text'),
    ('data', 'jsonb'),
    ('metadata', 'jsonb'),
    ('id', 'uuid')
),
-- v: character varying, b: bigint, j: jsonb
signatures (name, arguments, result) as (
  values
    ('message_store_version', '', 'character varying'),
    ('hash_64', 'v', 'bigint'),
    ('acquire_lock', 'v', 'bigint'),
    ('category', 'v', 'character varying'),
    ('is_category', 'v', 'boolean'),
    ('id', 'v', 'character varying'),
    ('cardinal_id', 'v', 'character varying'),
    ('stream_version', 'v', 'bigint'),
    ('write_message', 'v, v, v, j, j, b', 'bigint'),
    ('get_stream_messages', 'v, b, b, v', null),
    ('get_category_messages', 'v, b, b, v, b, b, v', null)
),
expected as (
  select
    name,
    replace(replace(replace(arguments, 'v', 'character varying'), 'b', 'bigint'), 'j', 'json@')
      as arguments,
    result
  from signatures
),
present as (
  select
    f.oid,
    f.proname as name,
    replace(oidvectortypes(f.proargtypes), 'jsonb', 'json@') as arguments,
    -- The type message of the schema itself stands for null.
    case when not (t.typname = 'message' and t.typnamespace = f.pronamespace and f.proretset)
      then format_type(f.prorettype, null)
    end as result,
    f.prosrc as body
  from pg_proc f
  join place p on p.oid = f.pronamespace
  join pg_type t on t.oid = f.prorettype
),
indexes as (
  select
    i.relname as name,
    x.indisunique as is_unique,
    (
      select string_agg(pg_get_indexdef(x.indexrelid, n, true), ', ' order by n)
      from generate_series(1, least(x.indnkeyatts, 2)) n
    ) as keys
  from pg_index x
  join pg_class i on i.oid = x.indexrelid
  join log l on l.oid = x.indrelid
  where x.indisvalid and x.indpred is null
)
select problem
from (
  select 1, 'this server is a standby; connect to the primary' where pg_is_in_recovery()
  union all
  select 2, 'there is no such schema' where not exists (select from place)
  union all
  select 3, 'it was made by mdb, and its functions do not take Message DB''s locks'
  where exists (select from present where name = 'lock_namespace')
  union all
  select 4, 'there is no table messages' where exists (select from place) and not exists (select from log)
  union all
  select 5, 'messages is no ordinary, logged table'
  from log where relkind <> 'r' or relpersistence <> 'p'
  union all
  select 6, 'messages has row-level security' from log where relrowsecurity
  union all
  select 7, format('messages has no column %s of type %s', c.name, c.type)
  from log l
  cross join columns c
  where not exists (
    select
    from pg_attribute a
    where a.attrelid = l.oid
      and a.attname = c.name
      and not a.attisdropped
      and format_type(a.atttypid, null) = c.type
  )
  union all
  select 8, format('messages has a column %s that must be given', a.attname)
  from log l
  join pg_attribute a on a.attrelid = l.oid
  where a.attnum > 0
    and not a.attisdropped
    and a.attnotnull
    and not a.atthasdef
    and a.attidentity = ''
    and a.attname not in (select name from columns)
  union all
  select 9, 'global_position does not come from the sequence messages_global_position_seq'
  from log l
  where not exists (
    select
    from pg_attrdef d
    join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_depend e on e.classid = 'pg_attrdef'::regclass and e.objid = d.oid
    join counter c on c.oid = e.refobjid
    where d.adrelid = l.oid and a.attname = 'global_position'
  )
  union all
  select 10, format(
    'messages_global_position_seq has cache %s; it must be 1, or positions are handed out late: '
    'alter sequence %I.messages_global_position_seq cache 1', seqcache, $1::text
  )
  from counter where seqcache <> 1
  union all
  select 11, 'messages_global_position_seq does not count up by 1, without a cycle'
  from counter where seqincrement <> 1 or seqcycle
  union all
  select 12, format('there is no index %s on (%s)', w.name, w.keys)
  from log l
  cross join (
    values
      ('messages_pkey', true, 'global_position'),
      ('messages_id', true, 'id'),
      ('messages_stream', true, 'stream_name, "position"'),
      (
        'messages_category',
        false,
        format('%I.category(stream_name::character varying), global_position', $1::text)
      )
  ) w (name, is_unique, keys)
  where not exists (
    select
    from indexes i
    where i.name = w.name and i.is_unique = w.is_unique
      and replace(i.keys, '"', '') = replace(w.keys, '"', '')
  )
  union all
  select 13, format(
    'there is no function %s(%s)', e.name, replace(e.arguments, 'json@', 'jsonb')
  )
  from place
  cross join expected e
  where not exists (
    select
    from present p
    where p.name = e.name
      and p.arguments = e.arguments
      and p.result is not distinct from e.result
  )
  union all
  select 13, 'there is no function get_last_stream_message'
  from place
  where not exists (
    select
    from present p
    where p.name = 'get_last_stream_message'
      and p.arguments in ('character varying', 'character varying, character varying')
      and p.result is null
  )
  union all
  select 14, 'acquire_lock takes no advisory lock of the transaction'
  where exists (
    select from present where name = 'acquire_lock' and body !~* 'pg_advisory_xact_lock\s*\('
  )
  union all
  select 15, format('%s has no right USAGE on the schema', current_user)
  from place where not has_schema_privilege(oid, 'USAGE')
  union all
  select 15, format('%s has no right %s on messages', current_user, w.need)
  from log l
  cross join (values ('SELECT'), ('INSERT')) w (need)
  where not has_table_privilege(l.oid, w.need)
  union all
  select 15, format('%s has no right USAGE on messages_global_position_seq', current_user)
  from counter where not has_sequence_privilege(oid, 'USAGE')
  union all
  select 15, format('%s may not execute %s', current_user, name)
  from present
  where name in ('category', 'hash_64', 'message_store_version')
    and not has_function_privilege(oid, 'EXECUTE')
  union all
  select 15, format('%s may not create schemas in this database', current_user)
  where not has_database_privilege(current_database(), 'CREATE')
) found (rank, problem)
order by rank, problem
