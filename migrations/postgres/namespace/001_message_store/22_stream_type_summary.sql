-- How many messages, and which part of all in percent.
create view {schema}.stream_type_summary as
select
  stream_name,
  type,
  count(*) as message_count,
  round(count(*) * 100 / sum(count(*)) over (), 2) as percent
from {schema}.messages
group by 1, 2
order by 1, 2;
