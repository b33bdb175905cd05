-- Which words the alarms of a combination may have: the letters from a to z that these begin with. Words in braces: see
-- schema.rs.
CREATE TABLE combination_stems (
    stem TEXT {binary} NOT NULL,
    combination BIGINT NOT NULL,
    PRIMARY KEY (stem, combination)
) {clustered};

-- How many of them are kept; NULL is a combination of before: its alarms may have any.
ALTER TABLE combinations ADD COLUMN stems BIGINT DEFAULT 0;
UPDATE combinations SET stems = NULL;

{vacuumed}
