-- Tokens are stored as their SHA-256 alone. A namespace may come to have several.
CREATE TABLE tokens (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  incarnation TEXT NOT NULL REFERENCES namespaces (incarnation) ON DELETE CASCADE,
  scope TEXT NOT NULL DEFAULT 'all',
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_incarnation ON tokens (incarnation);
