-- One look for everything that is followed: schemas, a global position for each, most rows looked at.
-- With no schema there still is a row, for the count of revocations.
select r.revisions, t.schema_name, t.head, t.contiguous, t.visible
from {registry}.revocations r
left join {registry}.tails($1, $2, $3) t on true
