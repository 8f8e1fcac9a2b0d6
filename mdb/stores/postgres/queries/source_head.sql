-- The highest global position that is visible, 0 if there is no message.
select coalesce(max(global_position), 0) from {schema}.messages
