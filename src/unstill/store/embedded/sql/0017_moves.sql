-- Each state that a job came into, with its time (store/move_texts.py); of a job of before, none.
ALTER TABLE jobs ADD COLUMN moves TEXT NOT NULL DEFAULT '';
