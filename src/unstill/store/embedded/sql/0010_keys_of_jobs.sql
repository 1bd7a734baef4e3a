-- Which key made the job: empty where it was one of the environment, or none, and of earlier rows.
ALTER TABLE jobs ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
