drop schema {registry} cascade
