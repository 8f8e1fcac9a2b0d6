-- Whether a stream belongs to a member of a consumer group; null for a stream without an id, which
-- belongs to none. Message DB's hash_64(cardinal_id(...)), whose cardinal_id looks for others of its
-- functions along search_path.
create function {functions}.is_member(stream_name text, member integer, size integer)
returns boolean
language sql
immutable
parallel safe
return abs(
  ('x' || md5(
    case when strpos(stream_name, '-') > 0
      then split_part(substr(stream_name, strpos(stream_name, '-') + 1), '+', 1)
    end
  ))::bit(64)::bigint % size
) = member;
