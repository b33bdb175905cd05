-- The tables of alarms, in the SQL that SQLite and PostgreSQL share. Words in braces: see schema.rs.

-- What an alarm is called here. It is there before the alarm when events come first, and stays when a user deletes the
-- alarm, with what was known of it then. absent_since: since when there is no alarm to it.
CREATE TABLE identities (
    seq {serial},
    alarm_id TEXT NOT NULL UNIQUE,
    absent_since BIGINT,
    deleted_revision BIGINT,
    deleted_class BIGINT
);
CREATE INDEX identities_absent ON identities (absent_since) WHERE absent_since IS NOT NULL;

-- The values that lists are filtered by, each combination once, and how many alarms have it. There are some thousand
-- where there are a million alarms, so an index on one number does what one on eight columns could not.
CREATE TABLE combinations (
    id {serial},
    status TEXT NOT NULL,
    tag TEXT NOT NULL,
    assignee TEXT NOT NULL,
    class BIGINT NOT NULL,
    risk BIGINT NOT NULL,
    kingdom TEXT NOT NULL,
    category TEXT NOT NULL,
    directive BIGINT NOT NULL,
    alarms BIGINT NOT NULL DEFAULT 0,
    UNIQUE (directive, status, tag, assignee, class, risk, kingdom, category)
);

-- What is sorted by and what the rules need. Narrow: the document is elsewhere.
CREATE TABLE alarms (
    seq {serial},
    combination BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    by_risk BIGINT NOT NULL,
    title TEXT {binary} NOT NULL,
    revision BIGINT NOT NULL,
    version BIGINT NOT NULL,
    changed_since_closed BIGINT NOT NULL,
    closed_revision BIGINT,
    closed_class BIGINT
);
CREATE INDEX alarms_by_created ON alarms (created, seq, combination);
CREATE INDEX alarms_by_updated ON alarms (updated, seq, combination, created);
CREATE INDEX alarms_by_risk ON alarms (by_risk, seq, combination, created);
CREATE INDEX alarms_by_title ON alarms (title, seq, combination, created);
CREATE INDEX alarms_by_combination ON alarms (combination, created, seq);

CREATE TABLE documents (
    alarm {serial},
    document TEXT NOT NULL
);

-- Addresses in 16 bytes, version 4 mapped into version 6. Roles: 1 source, 2 destination, 3 both.
CREATE TABLE addresses (
    address BYTEA NOT NULL,
    alarm BIGINT NOT NULL,
    roles BIGINT NOT NULL,
    combination BIGINT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (address, alarm)
) {clustered};
CREATE INDEX addresses_by_alarm ON addresses (alarm, address);

-- The words that are searched; its rowid is the alarm.
{text}

-- Roll-ups for charts. Resolution: how many seconds from one start to the next, an hour's or a day's.
CREATE TABLE alarms_in_time (
    resolution BIGINT NOT NULL,
    start BIGINT NOT NULL,
    combination BIGINT NOT NULL,
    alarms BIGINT NOT NULL,
    PRIMARY KEY (resolution, start, combination)
) {clustered};
CREATE TABLE addresses_in_time (
    role BIGINT NOT NULL,
    address BYTEA NOT NULL,
    day BIGINT NOT NULL,
    alarms BIGINT NOT NULL,
    PRIMARY KEY (role, address, day)
) {clustered};

-- Events: how many, which, and of the first and the newest what they say.
CREATE TABLE stages (
    alarm BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    events BIGINT NOT NULL,
    PRIMARY KEY (alarm, stage)
) {clustered};
CREATE TABLE event_keys (
    alarm BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    event_key BYTEA NOT NULL,
    PRIMARY KEY (alarm, stage, event_key)
) {clustered};
CREATE TABLE events (
    alarm BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    number BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    body TEXT,
    PRIMARY KEY (alarm, stage, number)
) {clustered};

CREATE TABLE history (
    alarm BIGINT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    PRIMARY KEY (alarm, number)
) {clustered};
