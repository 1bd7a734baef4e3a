-- Limits on calls as such, and limits of keys beside those of their owners; NULL is no limit.
ALTER TABLE owners ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN in_flight INTEGER;
ALTER TABLE api_keys ADD COLUMN submits_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN queue INTEGER;
ALTER TABLE api_keys ADD COLUMN stored_bytes INTEGER;
