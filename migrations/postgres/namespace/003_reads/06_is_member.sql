-- Whether a stream belongs to a member of a consumer group; null for a stream without an id, which
-- belongs to none. The absolute value of the remainder: that of the smallest hash does not exist.
create function {functions}.is_member(stream_name text, member integer, size integer)
returns boolean
language sql
immutable
parallel safe
return abs({schema}.hash_64({schema}.cardinal_id(stream_name)) % size) = member;
