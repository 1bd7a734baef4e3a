-- The book of money: rows are only ever added, each in the transaction of the move that causes it.
-- The columns are the fields of domain/money.py's Charge. Amounts are millionths.
CREATE TABLE charges (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,  -- so that the last row too is missed when it has gone
  job_id         TEXT    NOT NULL,
  kind           TEXT    NOT NULL,
  n              INTEGER NOT NULL,
  at_ms          INTEGER NOT NULL,
  day            INTEGER NOT NULL,
  owner          TEXT    NOT NULL,
  key_id         TEXT    NOT NULL,
  model          TEXT    NOT NULL,
  engine         TEXT    NOT NULL,
  upstream_model TEXT    NOT NULL,
  basis          TEXT    NOT NULL,
  unit           TEXT    NOT NULL,
  rate           INTEGER NOT NULL,
  billed_ns      INTEGER NOT NULL,
  currency       TEXT    NOT NULL,
  own_amount     INTEGER NOT NULL,
  worth          INTEGER NOT NULL,
  amount         INTEGER NOT NULL,
  seal           TEXT    NOT NULL  -- of the row's other values but its number
) STRICT;

-- One reserve, one end of it, one cost of each attempt.
CREATE UNIQUE INDEX charges_once
  ON charges (job_id, CASE kind WHEN 'release' THEN 'settle' ELSE kind END, n);
CREATE INDEX charges_of_days ON charges (day, owner);

-- What is settled and still reserved of each owner and day: the sums of the rows above, kept with
-- each of them, so that a budget is asked by its key.
CREATE TABLE spent (
  owner    TEXT    NOT NULL,
  day      INTEGER NOT NULL,
  reserved INTEGER NOT NULL,
  settled  INTEGER NOT NULL,
  PRIMARY KEY (owner, day)
) STRICT, WITHOUT ROWID;

-- What operators have said of calls that were in doubt.
CREATE TABLE resolutions (
  job_id     TEXT    NOT NULL PRIMARY KEY,
  n          INTEGER NOT NULL,
  is_charged INTEGER NOT NULL,
  at_ms      INTEGER NOT NULL,
  seal       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Budgets, in millionths of the house currency; NULL is no budget.
ALTER TABLE owners ADD COLUMN budget_day INTEGER;
ALTER TABLE owners ADD COLUMN budget_month INTEGER;
