-- Note where an import comes from: source.
INSERT INTO main.importing (source) VALUES (?)
