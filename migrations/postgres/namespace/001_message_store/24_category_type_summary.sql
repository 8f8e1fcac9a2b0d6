-- How many messages, and which part of all in percent.
create view {schema}.category_type_summary as
select
  {schema}.category(stream_name) as category,
  type,
  count(*) as message_count,
  round(count(*) * 100 / sum(count(*)) over (), 2) as percent
from {schema}.messages
group by 1, 2
order by 1, 2;
