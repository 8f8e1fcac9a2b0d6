-- The columns of a table of messages, with their types: schema. Empty where there is none.
select a.attname, format_type(a.atttypid, null)
from pg_attribute a
where a.attrelid = to_regclass(format('%I.messages', $1::text))
  and a.attnum > 0
  and not a.attisdropped
