-- Messages of a stream, backward from a stream position, inclusive: for `stream_page`.
SELECT
  lower(hex(id)) AS id,
  type,
  position,
  global_position,
  data,
  metadata,
  (time / 1000 - (time % 1000 < 0)) / 1000.0 AS seconds
FROM messages
WHERE stream_name = :stream
  AND position <= :position
  AND global_position <= :upto
  AND (:type IS NULL OR type = :type)
ORDER BY position DESC
LIMIT :limit
