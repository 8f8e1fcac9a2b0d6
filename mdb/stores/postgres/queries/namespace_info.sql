-- How much a namespace holds, its head, and the time of the newest message. Counts the whole table.
select
  (select count(*) from {schema}.messages) as message_count,
  (select count(*) from {schema}.messages where position = 0) as stream_count,
  coalesce(newest.global_position, 0) as head,
  newest.time as last_activity
from (values (1)) one
left join (
  select global_position, time from {schema}.messages order by global_position desc limit 1
) newest on true
