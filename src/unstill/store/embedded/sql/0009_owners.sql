-- What operators have set for owners; NULL is no limit. An owner without a row has none.
CREATE TABLE owners (
  owner              TEXT    NOT NULL PRIMARY KEY,
  in_flight          INTEGER,
  submits_per_minute INTEGER,
  queue              INTEGER,
  stored_bytes       INTEGER,
  weight             INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
