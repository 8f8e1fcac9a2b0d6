-- The number that the sequence of global positions gave out last.
select case when is_called then last_value else last_value - 1 end
from {schema}.messages_global_position_seq
