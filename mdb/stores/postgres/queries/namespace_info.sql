-- How much a namespace holds, its head, and the time of the newest message in microseconds since 1970. Counts the whole table.
select
  (select count(*) from {schema}.messages) as message_count,
  (select count(*) from {schema}.messages where position = 0) as stream_count,
  coalesce(newest.global_position, 0) as head,
  (extract(epoch from newest.time) * 1000000)::bigint as last_activity
from (values (1)) one
left join (
  select global_position, time from {schema}.messages order by global_position desc limit 1
) newest on true
