select outcome, "position", global_position, actual, head
from {functions}.write_one_locked($1, $2, $3, $4, $5, $6, $7)
