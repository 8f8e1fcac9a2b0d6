-- A page of the whole namespace: forward, global position, highest global position, type (each or null), most rows, most bytes.
select cursor, message
from {functions}.all_page($1, $2, $3, $4, $5, $6)
