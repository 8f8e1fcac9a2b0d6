-- The first message of an import, to be held against the head: line, global position, id.
select line, global_position, id from pg_temp.mdb_import order by global_position limit 1
