-- It takes the head now, and returns no other.
drop function {functions}.write_at(uuid[], text[], text[], jsonb[], jsonb[], bigint[]);
