-- The namespace takes writes again.
DROP TRIGGER importing_closes;
DROP TABLE importing
