-- The namespaces. state: 'creating' until its file is ready, 'ready', then 'deleted' until the
-- file is gone; only a 'ready' one is served. id compares by code point (BINARY collation).
CREATE TABLE namespaces (
  incarnation TEXT NOT NULL PRIMARY KEY,
  id TEXT NOT NULL,
  location TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleted')),
  description TEXT,
  metadata TEXT,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT, WITHOUT ROWID;

-- A name is taken while its namespace is being created or is served, free again once deleted.
CREATE UNIQUE INDEX namespaces_id ON namespaces (id) WHERE state <> 'deleted';
