-- An import on its way in: its messages, and of each stream where it begins and has come to.
CREATE TABLE staging.messages (
  global_position INTEGER NOT NULL PRIMARY KEY,
  line INTEGER NOT NULL,
  id BLOB NOT NULL,
  stream_name TEXT NOT NULL,
  type TEXT NOT NULL,
  position INTEGER NOT NULL,
  data TEXT NOT NULL,
  metadata TEXT,
  time INTEGER NOT NULL,
  hash INTEGER,
  correlation TEXT
) STRICT;

CREATE TABLE staging.streams (
  stream_name TEXT NOT NULL PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  line INTEGER NOT NULL
) STRICT, WITHOUT ROWID
