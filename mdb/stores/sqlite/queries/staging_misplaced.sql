-- The first line at which a stream does not go on from where it stands: line, stream, first
-- position in the import, version of the stream (-1: there is none).
SELECT line, stream_name, first, version
FROM (
  SELECT
    line, stream_name, first,
    coalesce((
      SELECT position FROM main.messages AS m
      WHERE m.stream_name = s.stream_name ORDER BY position DESC LIMIT 1
    ), -1) AS version
  FROM staging.streams AS s
)
WHERE first <> version + 1
ORDER BY line
LIMIT 1
