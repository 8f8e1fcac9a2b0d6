-- A stored time as JSON text: UTC, milliseconds cut, not rounded. Null for 'infinity', which
-- only a hand-made row can hold and which is no moment.
create function {functions}.json_time(stored timestamp)
returns text
language sql
stable
parallel safe
return coalesce(to_char(stored, '\"YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\"'), 'null');
