-- The key of the advisory lock that Message DB's write_message takes for a stream: the hash of its
-- category. The same as its hash_64(category(stream)), which adopting has compared.
create function {functions}.lock_key(stream text)
returns bigint
language sql
immutable
parallel safe
return ('x' || md5(split_part(stream, '-', 1)))::bit(64)::bigint;  -- the cast cuts it after 64 bits
