-- One page of a category, forward from a global position, inclusive: cursor, JSON row.
SELECT
  global_position,
  '["' || lower(
    substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4)
    || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)
  ) || '",' || json_quote(stream_name) || ',' || json_quote(type) || ',' || position || ',' || global_position
  || ',' || data || ',' || coalesce(metadata, 'null') || ',"'
  || strftime('%Y-%m-%dT%H:%M:%S', (time - (time % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
  || printf('.%03dZ"]', (time % 1000000 + 1000000) % 1000000 / 1000)
FROM messages INDEXED BY messages_category
WHERE substr(stream_name, 1, instr(stream_name || '-', '-') - 1) = :category
  AND global_position >= :position
  AND global_position <= :upto
  AND (:size IS NULL OR abs(hash % :size) = :member)
  AND (:correlation IS NULL OR correlation = :correlation)
  AND (:type IS NULL OR type = :type)
ORDER BY global_position
LIMIT :limit
