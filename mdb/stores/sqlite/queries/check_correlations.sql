-- Rows whose stored correlation is not that of their metadata: global position, it, the right one.
SELECT global_position, correlation, mdb_correlation(metadata)
FROM messages
WHERE correlation IS NOT mdb_correlation(metadata)
