-- Whether the name has no '-'. Null counts as a category, as in Message DB.
create function {schema}.is_category(stream_name varchar)
returns boolean
language sql
immutable
parallel safe
return coalesce(strpos(stream_name, '-') = 0, true);
