-- The highest global position, 0 for none, and the last positions of streams, in their order, -1 for
-- one that does not exist.
SELECT
  (SELECT coalesce(max(global_position), 0) FROM messages),
  json_group_array(
    coalesce(
      (
        SELECT m.position
        FROM messages AS m
        WHERE m.stream_name = wanted.value
        ORDER BY m.position DESC
        LIMIT 1
      ),
      -1
    )
    ORDER BY wanted.key
  )
FROM json_each(?) AS wanted
