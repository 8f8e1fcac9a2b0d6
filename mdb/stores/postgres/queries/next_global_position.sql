-- The first global position above this one.
select {functions}.next_global_position($1)
