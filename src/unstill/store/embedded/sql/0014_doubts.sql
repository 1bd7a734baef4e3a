-- Those few that an operator may have to look at, without a look at all the others.
CREATE INDEX jobs_in_doubt ON jobs (id)
  WHERE state = 'failed' AND failure ->> '$.code' IN
    ('submit_unknown', 'deadline_exceeded', 'engine_removed', 'upstream_lost');
