select busy, head, positions, global_positions, outcomes, places, actuals
from {functions}.write_free($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
