-- Keys that `unstill keys create` made: their hashes, and what is let in by them. A row stays when
-- its key is revoked or has expired: once there was a key, no call is let in without one.
CREATE TABLE api_keys (
  id         TEXT    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  owner      TEXT    NOT NULL,
  digest     TEXT    NOT NULL UNIQUE,
  scope      TEXT    NOT NULL,
  created_ms INTEGER NOT NULL,
  models     TEXT,
  networks   TEXT    NOT NULL,
  expires_ms INTEGER,
  revoked_ms INTEGER,
  used_ms    INTEGER
) STRICT, WITHOUT ROWID;

-- One row: another number after each change of a key, by which a running server knows of it.
CREATE TABLE api_key_changes (number INTEGER NOT NULL) STRICT;
INSERT INTO api_key_changes VALUES (0);
