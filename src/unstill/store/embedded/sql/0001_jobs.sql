-- One row per job: the fields of `Job`, times in Unix milliseconds.
-- `request`, `size`, `video`, `usage` and `failure` are JSON.
CREATE TABLE jobs (
  id         TEXT    NOT NULL PRIMARY KEY,
  owner      TEXT    NOT NULL,
  dialect    TEXT    NOT NULL,
  words      TEXT    NOT NULL,
  model      TEXT    NOT NULL,
  request    TEXT    NOT NULL,
  engine     TEXT    NOT NULL,
  created_ms INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  attempt    INTEGER NOT NULL,
  deaths     INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL,
  size       TEXT,
  started_ms INTEGER,
  ended_ms   INTEGER,
  video      TEXT,
  usage      TEXT,
  failure    TEXT,
  is_hidden  INTEGER NOT NULL
) STRICT;

-- The lists that callers ask for.
CREATE INDEX jobs_of_owner ON jobs (owner, id) WHERE is_hidden = 0;

-- What a start has to take up again: small, however many jobs have ended.
CREATE INDEX jobs_unfinished ON jobs (id) WHERE state NOT IN ('succeeded', 'failed', 'cancelled');

-- What the sweep has to drop.
CREATE INDEX jobs_hidden ON jobs (id) WHERE is_hidden = 1;
