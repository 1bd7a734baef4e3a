-- The span of a job's create call, which its steps join after a restart too.
ALTER TABLE jobs ADD COLUMN trace TEXT NOT NULL DEFAULT '';
