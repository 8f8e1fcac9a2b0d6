select count(*) from {registry}.namespaces
