-- How many messages, and which part of all in percent.
create view {schema}.type_stream_summary as
select
  type,
  stream_name,
  count(*) as message_count,
  round(count(*) * 100 / sum(count(*)) over (), 2) as percent
from {schema}.messages
group by 1, 2
order by 1, 2;
