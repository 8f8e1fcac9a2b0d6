-- Where the import comes from that keeps the namespace closed.
SELECT source FROM main.importing
