-- Waits for the namespace's lock, held until the transaction ends, and has ids looked up in the index
-- even if the table was empty when it was last analysed.
select set_config('enable_seqscan', 'off', true), {functions}.lock_namespace()
