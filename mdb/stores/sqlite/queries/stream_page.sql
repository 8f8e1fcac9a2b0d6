-- A page of a stream in one row: how many messages, their lowest and highest
-- cursor, their JSON without the brackets around. `page` stands for a query that ends in its limit:
-- such a one is not merged into this, so it is walked in its order, and what it computes is computed
-- once a message.
SELECT
  count(*),
  min(position),
  max(position),
  CAST(group_concat(concat(
    '["', substr(id, 1, 8), '-', substr(id, 9, 4), '-', substr(id, 13, 4), '-', substr(id, 17, 4),
    '-', substr(id, 21), '",', json_quote(type), ',', position, ',', global_position, ',', data,
    ',', coalesce(metadata, 'null'), ',"', date(seconds, 'unixepoch'), 'T',
    time(seconds, 'unixepoch', 'subsec'), 'Z"]'
  )) AS BLOB)
FROM page
