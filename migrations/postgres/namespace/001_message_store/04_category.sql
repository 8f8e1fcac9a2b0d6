-- The part of a stream name before its first '-', or the whole of it.
-- In an index: the body is bound when it is created, so no search_path can change its meaning. It
-- must never be replaced in a live schema: sessions that hold the index open keep planning with the
-- old expression.
create function {schema}.category(stream_name varchar)
returns varchar
language sql
immutable
parallel safe
return split_part(stream_name, '-', 1);
