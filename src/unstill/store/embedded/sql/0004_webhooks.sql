-- Where the end of a job is told, and what is owed to such receivers. In a delivery the empty url
-- is the one that the settings name for its owner.
ALTER TABLE jobs ADD COLUMN webhook_url TEXT;

CREATE TABLE deliveries (
  job_id     TEXT    NOT NULL PRIMARY KEY,
  owner      TEXT    NOT NULL,
  url        TEXT    NOT NULL,
  receiver   TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  created_ms INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL,
  until_ms   INTEGER NOT NULL,
  tries      INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  last_error TEXT,
  ended_ms   INTEGER
) STRICT, WITHOUT ROWID;

-- What has to be sent, by when: small, however many have been delivered.
CREATE INDEX deliveries_owed ON deliveries (due_ms) WHERE state = 'owed';
