-- All categories by name, with their streams and messages. Reads the whole table.
select
  {schema}.category(stream_name) collate "C" as category,
  count(*) as stream_count,
  sum(messages)::bigint as message_count
from (
  select stream_name, count(*) as messages from {schema}.messages group by stream_name
) streams
group by 1
order by 1
