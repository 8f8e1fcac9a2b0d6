-- Messages of a category, forward from a global position, inclusive: for `wide_page`.
SELECT
  lower(hex(id)) AS id,
  stream_name,
  type,
  position,
  global_position,
  data,
  metadata,
  (time / 1000 - (time % 1000 < 0)) / 1000.0 AS seconds
FROM messages INDEXED BY messages_category
WHERE substr(stream_name, 1, instr(stream_name || '-', '-') - 1) = :category
  AND global_position >= :position
  AND global_position <= :upto
  AND (:size IS NULL OR abs(hash % :size) = :member)
  AND (:correlation IS NULL OR correlation = :correlation)
  AND (:type IS NULL OR type = :type)
ORDER BY global_position
LIMIT :limit
