-- Ids that more than one message has: id, how often. Most rows.
select id::text, count(*) from {schema}.messages group by id having count(*) > 1 order by id limit $1
