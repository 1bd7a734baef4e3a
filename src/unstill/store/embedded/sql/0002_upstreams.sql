-- Jobs at upstreams, and the ledger of the calls that may cost.
ALTER TABLE jobs ADD COLUMN ticket TEXT;
ALTER TABLE jobs ADD COLUMN upstream_model TEXT;
ALTER TABLE jobs ADD COLUMN result TEXT;
ALTER TABLE jobs ADD COLUMN deadline_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN wants_cancel INTEGER NOT NULL DEFAULT 0;

CREATE TABLE attempts (
  job_id         TEXT    NOT NULL,
  n              INTEGER NOT NULL,
  engine         TEXT    NOT NULL,
  account        TEXT    NOT NULL,
  upstream_model TEXT    NOT NULL,
  intent_ms      INTEGER NOT NULL,
  submit_by_ms   INTEGER NOT NULL,
  outcome        TEXT    NOT NULL,
  ticket         TEXT,
  code           TEXT    NOT NULL,
  message        TEXT    NOT NULL,
  of_account     INTEGER NOT NULL,
  retry_after_ms INTEGER NOT NULL,
  settled_ms     INTEGER,
  PRIMARY KEY (job_id, n)
) STRICT, WITHOUT ROWID;

-- The breaker's question: how did the account's last calls end?
CREATE INDEX attempts_of_account ON attempts (account, settled_ms) WHERE settled_ms IS NOT NULL;

-- What a watch takes up at a start.
CREATE INDEX jobs_at_upstreams ON jobs (id) WHERE state = 'running' AND ticket IS NOT NULL;
