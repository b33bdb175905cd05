-- Words that all alarms of a combination have, in a row with blanks around each; NULL as long as it has had no alarm. Those
-- of before may have alarms with any words.
ALTER TABLE combinations ADD COLUMN common_words TEXT;
UPDATE combinations SET common_words = '';
