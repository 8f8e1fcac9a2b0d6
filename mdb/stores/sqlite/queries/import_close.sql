-- From here on nobody writes to the namespace but the import, whatever is restarted. Both go when it
-- has ended, so that until one begins, and ever after, a write costs nothing more.
CREATE TABLE importing (source TEXT NOT NULL) STRICT;

CREATE TRIGGER importing_closes BEFORE INSERT ON messages
BEGIN
  SELECT raise(ABORT, 'the namespace is being filled by an import');
END
