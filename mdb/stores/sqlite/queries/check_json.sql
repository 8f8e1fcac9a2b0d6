-- Rows that would break the answer they are read in: global position, which column.
SELECT global_position, CASE WHEN json_valid(data) THEN 'metadata' ELSE 'data' END
FROM messages
WHERE NOT json_valid(data)
  OR (metadata IS NOT NULL AND (NOT json_valid(metadata) OR json_type(metadata) <> 'object'))
