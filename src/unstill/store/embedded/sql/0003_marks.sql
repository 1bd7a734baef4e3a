-- By what a create call is known when it is sent again. Without a key it is an SDK's, known by what
-- it asked for.
CREATE TABLE marks (
  job_id      TEXT    NOT NULL PRIMARY KEY,
  owner       TEXT    NOT NULL,
  key         TEXT,
  fingerprint TEXT    NOT NULL,
  created_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX marks_by_key ON marks (owner, key) WHERE key IS NOT NULL;
CREATE INDEX marks_by_fingerprint ON marks (owner, fingerprint, created_ms) WHERE key IS NULL;
