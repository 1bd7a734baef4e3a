-- What is gone of a job that has ended: 1 its pictures, 2 its video.
ALTER TABLE jobs ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;

-- What has been kept for long enough. What filters it is in the index as well: of the many that have
-- lost what was theirs, no row is read.
CREATE INDEX jobs_ended ON jobs (ended_ms, id, removed, state) WHERE ended_ms IS NOT NULL;
