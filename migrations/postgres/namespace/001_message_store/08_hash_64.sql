-- The first eight bytes of the MD5 of the UTF-8 text, as a signed big-endian integer.
create function {schema}.hash_64(value varchar)
returns bigint
language sql
immutable
parallel safe
return ('x' || md5(value))::bit(64)::bigint;  -- the cast cuts it after 64 bits
