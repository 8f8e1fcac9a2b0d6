-- Whether an import keeps the namespace closed.
SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'importing')
