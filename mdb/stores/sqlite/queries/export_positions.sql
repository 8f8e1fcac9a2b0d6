-- Where the messages of a category are, above a global position and up to another.
SELECT global_position
FROM messages INDEXED BY messages_category
WHERE substr(stream_name, 1, instr(stream_name || '-', '-') - 1) = ?
  AND global_position > ? AND global_position <= ?
ORDER BY global_position
LIMIT ?
