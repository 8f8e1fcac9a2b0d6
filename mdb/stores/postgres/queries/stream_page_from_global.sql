-- A page of a stream from a global position: name, forward, global position, highest global position, type (each or null), most rows, most bytes.
select cursor, message
from {functions}.stream_page(
  $1,
  $2,
  case
    when $2 then coalesce({functions}.first_position($1, $3), 9223372036854775807)
    -- No message above it: null, from the end.
    else {functions}.first_position($1, least($3, 9223372036854775806) + 1) - 1
  end,
  $4,
  $5,
  $6,
  $7
)
