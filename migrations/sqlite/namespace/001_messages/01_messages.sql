-- time: microseconds since 1970, UTC. hash: Message DB's hash_64 of the cardinal id, NULL for a
-- stream without an id, so that such a stream belongs to no consumer group member by itself.
-- correlation: category of metadata.correlationStreamName.
CREATE TABLE messages (
  global_position INTEGER NOT NULL PRIMARY KEY CHECK (global_position >= 1),
  id BLOB NOT NULL CHECK (length(id) = 16),
  stream_name TEXT NOT NULL,
  type TEXT NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  data TEXT NOT NULL,
  metadata TEXT,
  time INTEGER NOT NULL,
  hash INTEGER,
  correlation TEXT
) STRICT;
