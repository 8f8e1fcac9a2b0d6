-- A page of a stream: name, forward, position, highest global position, type (each or null), most rows, most bytes.
select cursor, message
from {functions}.stream_page($1, $2, $3, $4, $5, $6, $7)
