-- Messages as they are exported: above a global position, up to one, at most so many, and none after
-- the first that makes it so many bytes. It needs nothing of a schema but its table.
select global_position, id, stream_name, type, "position", data, metadata, "time"
from (
  select
    m.*, sum(octet_length(m.data) + coalesce(octet_length(m.metadata), 0)) over (
      order by m.global_position rows between unbounded preceding and 1 preceding
    ) as before
  from (
    select
      id, stream_name, type, "position", global_position,
      coalesce(data::text, 'null') as data, metadata::text as metadata, "time"
    from {schema}.messages
    where global_position > $1 and global_position <= $2
    order by global_position
    limit $3
  ) m
) m
where coalesce(before, 0) < $4
order by global_position
