-- Jobs that go on from what an upstream took, after an earlier job had ended in doubt of that. The
-- number rises with each: a running server sees by it what another process has added.
CREATE TABLE continuations (
  number       INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id       TEXT    NOT NULL UNIQUE,
  continued_by TEXT    NOT NULL UNIQUE,
  ticket       TEXT    NOT NULL,
  at_ms        INTEGER NOT NULL,
  seal         TEXT    NOT NULL  -- of the row's other values but its number
) STRICT;
