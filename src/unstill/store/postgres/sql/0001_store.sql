-- The store as `embedded/sql` has it after its 14 files: columns by the names of the fields, times in
-- Unix milliseconds, amounts in millionths, flags 0 or 1, values of several fields as JSON. What is
-- this store's alone says so. Ids compare byte by byte, as they do in Python.

-- Which store this is: one row.
CREATE TABLE store (id text NOT NULL, made_ms bigint NOT NULL);

CREATE TABLE jobs (
  id             text COLLATE "C" NOT NULL PRIMARY KEY,
  owner          text COLLATE "C" NOT NULL,
  dialect        text   NOT NULL,
  words          text   NOT NULL,
  model          text   NOT NULL,
  request        text   NOT NULL,
  engine         text   NOT NULL,
  created_ms     bigint NOT NULL,
  state          text   NOT NULL,
  attempt        bigint NOT NULL,
  deaths         bigint NOT NULL,
  due_ms         bigint NOT NULL,
  size           text,
  started_ms     bigint,
  ended_ms       bigint,
  video          text,
  usage          text,
  failure        text,
  is_hidden      smallint NOT NULL,
  ticket         text,
  upstream_model text,
  result         text,
  deadline_ms    bigint NOT NULL DEFAULT 0,
  wants_cancel   smallint NOT NULL DEFAULT 0,
  webhook_url    text,
  request_id     text NOT NULL DEFAULT '',
  key_id         text NOT NULL DEFAULT '',
  trace          text NOT NULL DEFAULT '',
  leased_by      text,
  removed        smallint NOT NULL DEFAULT 0,
  -- This store's alone: until when nobody but its server may judge what is under way; whether the
  -- job waits for its owner to have one fewer begun; and which change of it this is, by whom.
  lease_until    timestamptz,
  is_parked      smallint NOT NULL DEFAULT 0,
  revision       bigint NOT NULL DEFAULT 1,
  xact           xid8 NOT NULL DEFAULT pg_current_xact_id()
) WITH (fillfactor = 80);

-- What other servers have changed since this one looked.
CREATE INDEX jobs_changed ON jobs (xact);
CREATE INDEX jobs_of_owner ON jobs (owner, id, state, model) WHERE is_hidden = 0;
CREATE INDEX jobs_unfinished ON jobs (id) WHERE state NOT IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX jobs_hidden ON jobs (id) WHERE is_hidden = 1;
CREATE INDEX jobs_at_upstreams ON jobs (id) WHERE state = 'running' AND ticket IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended_ms, id) WHERE ended_ms IS NOT NULL;
-- What has been removed leaves these: rows that are kept for years are not walked again and again.
CREATE INDEX jobs_with_video ON jobs (ended_ms, id)
  WHERE ended_ms IS NOT NULL AND state = 'succeeded' AND removed & 2 = 0;
CREATE INDEX jobs_with_pictures ON jobs (ended_ms, id, state)
  WHERE ended_ms IS NOT NULL AND removed & 1 = 0;
CREATE INDEX jobs_in_doubt ON jobs (id)
  WHERE state = 'failed' AND (failure::jsonb ->> 'code') IN
    ('submit_unknown', 'deadline_exceeded', 'engine_removed', 'upstream_lost');
CREATE INDEX jobs_parked ON jobs (owner, id) WHERE is_parked = 1;

CREATE TABLE attempts (
  job_id         text COLLATE "C" NOT NULL,
  n              bigint NOT NULL,
  engine         text   NOT NULL,
  account        text   NOT NULL,
  upstream_model text   NOT NULL,
  intent_ms      bigint NOT NULL,
  submit_by_ms   bigint NOT NULL,
  outcome        text   NOT NULL,
  ticket         text,
  code           text   NOT NULL,
  message        text   NOT NULL,
  of_account     smallint NOT NULL,
  retry_after_ms bigint NOT NULL,
  settled_ms     bigint,
  PRIMARY KEY (job_id, n)
);
CREATE INDEX attempts_of_account ON attempts (account, settled_ms, job_id)
  WHERE settled_ms IS NOT NULL;
CREATE INDEX attempts_by_ticket ON attempts (account, ticket) WHERE ticket IS NOT NULL;

CREATE TABLE marks (
  job_id      text COLLATE "C" NOT NULL PRIMARY KEY,
  owner       text COLLATE "C" NOT NULL,
  key         text,
  fingerprint text NOT NULL,
  created_ms  bigint NOT NULL
);
CREATE UNIQUE INDEX marks_by_key ON marks (owner, key) WHERE key IS NOT NULL;
CREATE INDEX marks_by_fingerprint ON marks (owner, fingerprint, created_ms) WHERE key IS NULL;

CREATE TABLE deliveries (
  job_id     text COLLATE "C" NOT NULL PRIMARY KEY,
  owner      text COLLATE "C" NOT NULL,
  url        text   NOT NULL,
  receiver   text   NOT NULL,
  type       text   NOT NULL,
  created_ms bigint NOT NULL,
  due_ms     bigint NOT NULL,
  until_ms   bigint NOT NULL,
  tries      bigint NOT NULL,
  state      text   NOT NULL,
  last_error text,
  ended_ms   bigint
);
CREATE INDEX deliveries_owed ON deliveries (due_ms) WHERE state = 'owed';

CREATE TABLE held (job_id text COLLATE "C" NOT NULL PRIMARY KEY);

CREATE TABLE up (seen_ms bigint NOT NULL);
INSERT INTO up VALUES (0);

-- This store's alone: the servers that are up, or were; by the database's clock.
CREATE TABLE servers (id text NOT NULL PRIMARY KEY, up_until timestamptz NOT NULL);

CREATE TABLE api_keys (
  id                  text COLLATE "C" NOT NULL PRIMARY KEY,
  name                text   NOT NULL,
  owner               text   NOT NULL,
  digest              text   NOT NULL UNIQUE,
  scope               text   NOT NULL,
  created_ms          bigint NOT NULL,
  models              text,
  networks            text   NOT NULL,
  expires_ms          bigint,
  revoked_ms          bigint,
  used_ms             bigint,
  in_flight           bigint,
  submits_per_minute  bigint,
  requests_per_minute bigint,
  queue               bigint,
  stored_bytes        bigint
);
CREATE TABLE api_key_changes (number bigint NOT NULL);
INSERT INTO api_key_changes VALUES (0);

CREATE TABLE owners (
  owner               text COLLATE "C" NOT NULL PRIMARY KEY,
  in_flight           bigint,
  submits_per_minute  bigint,
  queue               bigint,
  stored_bytes        bigint,
  weight              bigint NOT NULL DEFAULT 1,
  budget_day          bigint,
  budget_month        bigint,
  requests_per_minute bigint
);

CREATE TABLE charges (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id         text COLLATE "C" NOT NULL,
  kind           text   NOT NULL,
  n              bigint NOT NULL,
  at_ms          bigint NOT NULL,
  day            bigint NOT NULL,
  owner          text COLLATE "C" NOT NULL,
  key_id         text   NOT NULL,
  model          text   NOT NULL,
  engine         text   NOT NULL,
  upstream_model text   NOT NULL,
  basis          text   NOT NULL,
  unit           text   NOT NULL,
  rate           bigint NOT NULL,
  billed_ns      bigint NOT NULL,
  currency       text   NOT NULL,
  own_amount     bigint NOT NULL,
  worth          bigint NOT NULL,
  amount         bigint NOT NULL,
  seal           text   NOT NULL
);
CREATE UNIQUE INDEX charges_once
  ON charges (job_id, (CASE kind WHEN 'release' THEN 'settle' ELSE kind END), n);
CREATE INDEX charges_of_days ON charges (day, owner);

-- Of each owner and day several rows, each for some of the jobs: one is locked until its writer has
-- committed, and one owner's calls need not wait for each other. `entries`: how many rows of
-- `charges` are in it, so that one that has gone is missed.
CREATE TABLE spent (
  owner    text COLLATE "C" NOT NULL,
  day      bigint NOT NULL,
  part     bigint NOT NULL,
  reserved bigint NOT NULL,
  settled  bigint NOT NULL,
  entries  bigint NOT NULL,
  PRIMARY KEY (owner, day, part)
) WITH (fillfactor = 50);
CREATE INDEX spent_of_days ON spent (day);

CREATE TABLE resolutions (
  job_id     text COLLATE "C" NOT NULL PRIMARY KEY,
  n          bigint   NOT NULL,
  is_charged smallint NOT NULL,
  at_ms      bigint   NOT NULL,
  seal       text     NOT NULL
);

CREATE TABLE continuations (
  job_id       text COLLATE "C" NOT NULL PRIMARY KEY,
  continued_by text COLLATE "C" NOT NULL UNIQUE,
  ticket       text   NOT NULL,
  at_ms        bigint NOT NULL,
  seal         text   NOT NULL
);

-- This store's alone: what a call is known by, in one question. Equal calls wait for each other, and
-- see what the one before has written, as each statement in here looks anew.
CREATE FUNCTION marked(
  new_job text, of_owner text, of_key text, of_fingerprint text, made_ms bigint, since_ms bigint
) RETURNS TABLE (job_id text, fingerprint text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM pg_advisory_xact_lock(
    hashtextextended(of_owner || E'\n' || coalesce('k' || of_key, 'f' || of_fingerprint), 0));
  IF of_key IS NOT NULL THEN
    RETURN QUERY SELECT marks.job_id, marks.fingerprint FROM marks
      WHERE marks.owner = of_owner AND marks.key = of_key;
  ELSIF since_ms IS NOT NULL THEN
    RETURN QUERY SELECT marks.job_id, marks.fingerprint FROM marks
      WHERE marks.owner = of_owner AND marks.fingerprint = of_fingerprint
        AND marks.created_ms >= since_ms AND marks.key IS NULL
        AND EXISTS (SELECT 1 FROM jobs WHERE jobs.id = marks.job_id AND jobs.is_hidden = 0)
      ORDER BY marks.created_ms DESC, marks.job_id DESC LIMIT 1;
  END IF;
  IF NOT FOUND OR (of_key IS NULL AND since_ms IS NULL) THEN
    INSERT INTO marks (job_id, owner, key, fingerprint, created_ms)
      VALUES (new_job, of_owner, of_key, of_fingerprint, made_ms);
  END IF;
END $$;

-- This store's alone: whether another job of the account was accepted under a ticket. Two that are
-- told the same one at a time wait for each other. A job that goes on from this one has it by right.
CREATE FUNCTION ticket_taken(of_job text, of_n bigint, of_ticket text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('t' || of_ticket, 0));
  RETURN EXISTS (
    SELECT 1 FROM attempts AS own JOIN attempts AS other
    ON other.account = own.account AND other.ticket = of_ticket AND other.job_id != own.job_id
    WHERE own.job_id = of_job AND own.n = of_n AND NOT EXISTS (
      SELECT 1 FROM continuations
      WHERE continuations.job_id = own.job_id AND continued_by = other.job_id));
END $$;

-- This store's alone: what of an owner's is settled and reserved on a day and in its month. Calls
-- that a budget is asked for wait for each other, and see what the one before has reserved.
CREATE FUNCTION used_alone(of_owner text, of_day bigint, first bigint, last bigint)
RETURNS TABLE (in_day bigint, in_month bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(of_owner, 1));
  RETURN QUERY SELECT
    coalesce(sum(reserved + settled) FILTER (WHERE day = of_day), 0)::bigint,
    coalesce(sum(reserved + settled), 0)::bigint
    FROM spent WHERE owner = of_owner AND day BETWEEN first AND last;
END $$;
