-- Append a batch: groups, ids, given, streams, types, datas, metadatas; then the expectations: groups, streams, versions.
select head, positions, global_positions, outcomes, places, actuals
from {functions}.write_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
