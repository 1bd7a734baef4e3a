-- Which store this is and how far it has come: one row. The data folder notes both as well, so that
-- an older copy, or that of another folder, is known (backend/generation.py).
CREATE TABLE store (
  id           TEXT    NOT NULL,
  generation   INTEGER NOT NULL,
  changed_ms   INTEGER NOT NULL,
  recovered_ms INTEGER NOT NULL
) STRICT;
