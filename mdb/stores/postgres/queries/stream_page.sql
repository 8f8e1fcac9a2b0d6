-- A page of a stream: name, forward, position or null, type or null, most rows, most bytes.
select cursor, message
from {functions}.stream_page($1, $2, $3, $4, $5, $6)
