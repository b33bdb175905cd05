-- Where in the orders of lists alarms can be at all, so that no index is walked where none of those is that are wished
-- for. Bounds only grow: nothing is taken back when alarms change or go. Words in braces: see schema.rs.

-- Of the alarms that were created on a day: how many there are, and from when to when their newest events came.
CREATE TABLE days (
    day BIGINT NOT NULL PRIMARY KEY,
    alarms BIGINT NOT NULL,
    first_update BIGINT NOT NULL,
    last_update BIGINT NOT NULL
);
INSERT INTO days
    SELECT created - (created % 86400 + 86400) % 86400, COUNT(*), MIN(updated), MAX(updated) FROM alarms GROUP BY 1;

-- From which to which title the alarms of a combination go.
ALTER TABLE combinations ADD COLUMN first_title TEXT {binary};
ALTER TABLE combinations ADD COLUMN last_title TEXT {binary};
UPDATE combinations SET first_title = t.first_title, last_title = t.last_title
    FROM (SELECT combination, MIN(title) AS first_title, MAX(title) AS last_title FROM alarms GROUP BY combination) t
    WHERE t.combination = combinations.id;

-- The addresses that are in several alarms of a day are those with the most alarms of many days, and they are few.
CREATE INDEX addresses_in_time_often ON addresses_in_time (role, day, address, alarms) WHERE alarms > 1;
{kind_of_text}
