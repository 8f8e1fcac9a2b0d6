-- The id up to its first '+'; null for a category. Consumer groups are dealt by it.
create function {schema}.cardinal_id(stream_name varchar)
returns varchar
language sql
immutable
parallel safe
return split_part({schema}.id(stream_name), '+', 1);
