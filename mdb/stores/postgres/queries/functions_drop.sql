drop schema if exists {functions} cascade
