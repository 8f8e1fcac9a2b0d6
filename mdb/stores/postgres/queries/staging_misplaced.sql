-- The first line at which a stream does not go on from where it stands: line, stream, first position
-- in the import, version of the stream (-1: there is none). The collation is that of the index, which
-- is of no use for any other.
select s.line, s.stream_name, s.first, v.version
from pg_temp.mdb_import_streams s
cross join lateral (
  select coalesce(
    (
      select m.position
      from {schema}.messages m
      where m.stream_name = s.stream_name collate "default"
      order by m.position desc
      limit 1
    ),
    -1
  ) as version
) v
where s.first <> v.version + 1
order by s.line
limit 1
