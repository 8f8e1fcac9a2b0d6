-- The part of a stream name after its first '-'; null for a category.
create function {schema}.id(stream_name varchar)
returns varchar
language sql
immutable
parallel safe
return case
  when strpos(stream_name, '-') > 0 then substr(stream_name, strpos(stream_name, '-') + 1)
end;
