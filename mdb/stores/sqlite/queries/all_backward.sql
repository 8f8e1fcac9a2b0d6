-- Messages of the namespace, backward from a global position, inclusive: for `wide_page`.
SELECT
  lower(hex(id)) AS id,
  stream_name,
  type,
  position,
  global_position,
  data,
  metadata,
  (time / 1000 - (time % 1000 < 0)) / 1000.0 AS seconds
FROM messages
WHERE global_position <= :position
  AND global_position <= :upto
  AND (:type IS NULL OR type = :type)
ORDER BY global_position DESC
LIMIT :limit
