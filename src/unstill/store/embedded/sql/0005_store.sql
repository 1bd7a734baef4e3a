-- Which store this is and how far it has come: one row. The data folder notes both as well, so that
-- an older copy, or that of another folder, is known (store/embedded/generation.py).
CREATE TABLE store (
  id           TEXT    NOT NULL,
  generation   INTEGER NOT NULL,
  changed_ms   INTEGER NOT NULL,
  recovered_ms INTEGER NOT NULL
) STRICT;

-- Jobs of a store that was recovered: an operator has yet to say that they may cost something.
CREATE TABLE held (job_id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

-- When a server was last up, by the clock that deadlines are moments of (uptime.py): one row. Of an
-- older file the last move of a job is as much as is known.
CREATE TABLE up (seen_ms INTEGER NOT NULL) STRICT;
INSERT INTO up SELECT coalesce(max(max(created_ms, coalesce(started_ms, 0), coalesce(ended_ms, 0))), 0)
  FROM jobs;

-- The lists that callers ask for. What filters them is in the index as well: a count, and a list of
-- few among many, read no row that they do not show.
DROP INDEX jobs_of_owner;
CREATE INDEX jobs_of_owner ON jobs (owner, id, state, model) WHERE is_hidden = 0;

-- Whether an upstream has given a ticket before.
CREATE INDEX attempts_by_ticket ON attempts (account, ticket) WHERE ticket IS NOT NULL;

-- Of the create call that made the job: what the log and its caller know it by.
ALTER TABLE jobs ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
