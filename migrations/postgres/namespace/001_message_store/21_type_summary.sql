-- How many messages, and which part of all in percent.
create view {schema}.type_summary as
select
  type,
  count(*) as message_count,
  round(count(*) * 100 / sum(count(*)) over (), 2) as percent
from {schema}.messages
group by 1
order by 1;
