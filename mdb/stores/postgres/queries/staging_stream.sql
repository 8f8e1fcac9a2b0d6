-- Streams have come to some positions: names, first positions, last positions, lines of the first.
insert into pg_temp.mdb_import_streams (stream_name, first, last, line)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
on conflict (stream_name) do update set last = excluded.last
