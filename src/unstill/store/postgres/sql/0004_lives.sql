-- Which life of the database this is. A crash empties a table that is not logged: so it is known by
-- another name after one, and by the same after a restart that lost nothing.
CREATE UNLOGGED TABLE lives (
  one boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
  id  text    NOT NULL
);
