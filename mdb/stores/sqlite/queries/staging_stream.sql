-- A stream has come to a position: name, first position, last position, line of the first.
INSERT INTO staging.streams (stream_name, first, last, line) VALUES (?, ?, ?, ?)
ON CONFLICT (stream_name) DO UPDATE SET last = excluded.last
