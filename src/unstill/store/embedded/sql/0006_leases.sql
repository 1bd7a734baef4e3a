-- Which server began what is under way: a call that may cost, or a render of its own. Nobody else
-- may judge it before that server is gone. Of a row that an older release wrote it is not known, and
-- as only one server at a time had the folder then, that one is gone.
ALTER TABLE jobs ADD COLUMN leased_by TEXT;
