-- Who may, and who did what. Words in braces: see schema.rs. Times are seconds since 1970.

-- origin: local, header or oidc. subject: who an identity provider says this is. password: a PHC string of argon2id.
CREATE TABLE users (
    id {serial},
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    password TEXT,
    origin TEXT NOT NULL,
    subject TEXT UNIQUE,
    created BIGINT NOT NULL,
    last_login BIGINT
);

-- The id that a browser holds is not here, only its SHA-256.
CREATE TABLE sessions (
    digest BYTEA NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL
) {clustered};
CREATE INDEX sessions_by_user ON sessions (user_id, created);

-- The same for tokens.
CREATE TABLE tokens (
    id {serial},
    digest BYTEA NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT
);
CREATE INDEX tokens_by_user ON tokens (user_id, id);

-- By name: also those have views who are no users here.
CREATE TABLE views (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) {clustered};

-- What was done, by whom, from where. Lines are added and never changed.
CREATE TABLE audit_log (
    number {serial},
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
{append_only audit_log}
