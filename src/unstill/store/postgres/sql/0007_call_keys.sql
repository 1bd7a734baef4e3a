-- By what an upstream can tell what became of a call; of a call of before, or where none can, ''.
ALTER TABLE attempts ADD COLUMN call_key text NOT NULL DEFAULT '';
