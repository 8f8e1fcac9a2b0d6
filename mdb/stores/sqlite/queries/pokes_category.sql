-- Notices of a category above a global position.
SELECT stream_name, position, global_position
FROM messages INDEXED BY messages_category
WHERE substr(stream_name, 1, instr(stream_name || '-', '-') - 1) = :category
  AND global_position > :after
  AND global_position <= :upto
  AND (:size IS NULL OR abs(hash % :size) = :member)
  AND (:correlation IS NULL OR correlation = :correlation)
ORDER BY global_position
LIMIT :limit
