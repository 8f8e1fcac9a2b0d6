-- In this transaction the import may write to a namespace that it keeps closed: source.
select set_config('mdb.importing', 'on', true), set_config('mdb.import_source', $1, true)
