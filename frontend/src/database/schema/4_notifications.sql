-- What people are told of alarms, in the SQL that SQLite and PostgreSQL share. Words in braces: see schema.rs.

-- Where something is told. settings: JSON, with the secrets.
CREATE TABLE notification_channels (
    id {serial},
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL
);

-- What is told where. settings: JSON. window_start, window_told: since when, and how often, it has told something in the
-- hour that counts against its limit.
CREATE TABLE notification_rules (
    id {serial},
    name TEXT NOT NULL UNIQUE,
    enabled BIGINT NOT NULL,
    settings TEXT NOT NULL,
    window_start BIGINT NOT NULL DEFAULT 0,
    window_told BIGINT NOT NULL DEFAULT 0
);

-- What happened to alarms and no rule has been asked about yet. Written in the transaction that stores the alarm.
CREATE TABLE notification_occasions (
    id {serial},
    occasion TEXT NOT NULL
);

-- Which alarms a rule has told of: for rules that tell once.
CREATE TABLE notification_told (
    alarm BIGINT NOT NULL,
    rule BIGINT NOT NULL,
    PRIMARY KEY (alarm, rule)
) {clustered};

-- What a rule holds back, told as one summary at a time. One row for each rule.
CREATE TABLE notification_digests (
    rule BIGINT NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL,
    digest TEXT NOT NULL
);

-- The outbox. channel: 0 where it is gone. state: waiting, sending, sent or dead. next_at: when it is tried next; while
-- it is being sent, when whoever does it has lost the right to. claim: counts who took it, so that only the last of
-- them says what became of it. finished: when it was sent or given up.
CREATE TABLE notification_deliveries (
    id {serial},
    channel BIGINT NOT NULL,
    channel_name TEXT NOT NULL,
    rule TEXT NOT NULL,
    alarm_id TEXT,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    state TEXT NOT NULL,
    claim BIGINT NOT NULL DEFAULT 0,
    tries BIGINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    give_up_at BIGINT NOT NULL,
    finished BIGINT,
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX notification_deliveries_open ON notification_deliveries (channel, next_at, id) WHERE finished IS NULL;
CREATE INDEX notification_deliveries_by_state ON notification_deliveries (state, id);
