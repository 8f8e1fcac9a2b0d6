-- The first message of an import: global position and line.
SELECT global_position, line FROM staging.messages ORDER BY global_position LIMIT 1
