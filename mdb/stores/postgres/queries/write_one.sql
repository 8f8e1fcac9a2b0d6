-- Append one message: id, whether the client made it, stream, type, data, metadata, expected version.
select outcome, "position", global_position, actual, head
from {functions}.write_one($1, $2, $3, $4, $5, $6, $7)
