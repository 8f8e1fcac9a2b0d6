-- Ids that more than one message has: id, how often.
SELECT id, count(*) FROM messages GROUP BY id HAVING count(*) > 1
