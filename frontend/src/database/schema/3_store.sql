-- What this store is called on the bus: one row.
CREATE TABLE store (
    number BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL
);
