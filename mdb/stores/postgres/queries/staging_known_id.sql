-- The first line whose id is stored, or stands in an earlier line: line, id.
select s.line, s.id
from (
  select line, id, row_number() over (partition by id order by line) as nth
  from pg_temp.mdb_import
) s
where s.nth > 1
  or (select true from {schema}.messages m where m.id = s.id limit 1)
order by s.line
limit 1
