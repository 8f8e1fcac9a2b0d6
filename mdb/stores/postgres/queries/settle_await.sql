select {functions}.await_categories($1)
