-- The first line whose id is stored, or stands in an earlier line: line, id.
SELECT line, id
FROM (
  SELECT line, id, row_number() OVER (PARTITION BY id ORDER BY line) AS nth FROM staging.messages
) AS s
WHERE nth > 1 OR EXISTS (SELECT 1 FROM main.messages AS m WHERE m.id = s.id)
ORDER BY line
LIMIT 1
