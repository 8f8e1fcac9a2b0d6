-- The highest global position, 0 if there is no message.
select {functions}.head()
