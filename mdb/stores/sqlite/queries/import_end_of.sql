-- The namespace's last message: global position, id.
SELECT global_position, id FROM main.messages ORDER BY global_position DESC LIMIT 1
