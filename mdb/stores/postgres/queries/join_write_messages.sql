-- As write_messages, on a connection whose codecs are not ours: uuid and jsonb as texts.
select head, positions, global_positions, outcomes, places, actuals
from {functions}.write_messages(
  $1, $2::text[]::uuid[], $3, $4, $5, $6::text[]::jsonb[], $7::text[]::jsonb[], $8, $9, $10
)
