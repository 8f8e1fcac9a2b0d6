-- A page of a category: name, forward, global position, highest global position, type, correlation, member, size (each or null), most rows, most bytes.
select cursor, message
from {functions}.category_page($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
