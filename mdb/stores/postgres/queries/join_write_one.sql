-- As write_one, on a connection whose codecs are not ours: uuid and jsonb as texts.
select outcome, "position", global_position, actual, head
from {functions}.write_one($1::text::uuid, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7)
