-- People and systems, what they may do, how they prove who they are, and the log of it.

CREATE TABLE accounts (
    id            uuid        NOT NULL PRIMARY KEY,
    kind          text_key    NOT NULL,
    name          text_key    NOT NULL,
    display_name  text        NOT NULL,
    unit_id       uuid        NOT NULL,
    disabled      bigint      NOT NULL,
    password_hash text,
    contact       text,
    purpose       text,
    created_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX accounts_by_name ON accounts (kind, name);

CREATE TABLE grants (
    id         uuid        NOT NULL PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES accounts (id),
    role       text_key    NOT NULL,
    unit_id    uuid        NOT NULL,
    from_at    timestamptz NOT NULL,
    until_at   timestamptz,
    fields     text        NOT NULL
);
CREATE INDEX grants_by_account ON grants (account_id);

CREATE TABLE tokens (
    id           uuid        NOT NULL PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES accounts (id),
    name         text        NOT NULL,
    prefix       text        NOT NULL,
    digest       text_key    NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    -- The grants that it is narrowed to, as a JSON list of ids; NULL: all of its account's.
    grants       text
);
CREATE UNIQUE INDEX tokens_by_digest ON tokens (digest);
CREATE INDEX tokens_by_account ON tokens (account_id);

CREATE TABLE sessions (
    id         uuid        NOT NULL PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX sessions_by_account ON sessions (account_id);

-- Every refresh token that was issued in a session that may still live: one that is used again later ends it.
CREATE TABLE refresh_tokens (
    digest     text_key    NOT NULL PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions (id),
    used_at    timestamptz,
    -- How often it renewed the session: within seconds of the first time a few repeats do too.
    uses       bigint      NOT NULL DEFAULT 0
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- Signing and sealing keys of all servers of this database, wrapped when a master key is set.
CREATE TABLE keys (
    id         text_key    NOT NULL PRIMARY KEY,
    kind       text_key    NOT NULL,
    material   text        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE audit_events (
    seq        bigint      NOT NULL PRIMARY KEY,
    at         timestamptz NOT NULL,
    action     text_key    NOT NULL,
    actor      uuid,
    operator   bigint      NOT NULL,
    subject    uuid,
    unit_id    uuid        NOT NULL,
    address    text,
    request_id text,
    detail     text        NOT NULL
);
