-- One page of a stream, forward from a stream position, inclusive: cursor, JSON row.
SELECT
  position,
  '["' || lower(
    substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4)
    || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)
  ) || '",' || json_quote(type) || ',' || position || ',' || global_position
  || ',' || data || ',' || coalesce(metadata, 'null') || ',"'
  || strftime('%Y-%m-%dT%H:%M:%S', (time - (time % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
  || printf('.%03dZ"]', (time % 1000000 + 1000000) % 1000000 / 1000)
FROM messages
WHERE stream_name = :stream
  AND position >= :position
  AND global_position <= :upto
  AND (:type IS NULL OR type = :type)
ORDER BY position
LIMIT :limit
