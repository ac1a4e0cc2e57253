-- The engine of records: one clock, one log that is the history, the tree, and what finds records by other names.

CREATE TABLE sync_clock (
    id         bigint      NOT NULL PRIMARY KEY CHECK (id = 1),
    seq        bigint      NOT NULL,
    batch      uuid        NOT NULL,
    epoch      text_key    NOT NULL,
    floor_seq  bigint      NOT NULL,
    tree_rev   bigint      NOT NULL,
    auth_rev   bigint      NOT NULL,
    policy_rev bigint      NOT NULL,
    registry   text        NOT NULL
);

-- How far records and log were brought up to a changed registry; empty when there is nothing to do.
CREATE TABLE reindex (
    part     text_key NOT NULL PRIMARY KEY,
    registry text     NOT NULL,
    after    text     NOT NULL
);

-- Append-only. One row is one version of one record.
CREATE TABLE changes (
    seq            bigint      NOT NULL PRIMARY KEY,
    batch          uuid        NOT NULL,
    type           text_key    NOT NULL,
    record_id      uuid        NOT NULL,
    op             text_key    NOT NULL,
    version        bigint      NOT NULL,
    unit_before    uuid,
    unit_after     uuid        NOT NULL,
    origin         text,
    known_to_writer bigint     NOT NULL,
    actor          uuid,
    request_id     text,
    at             timestamptz NOT NULL,
    external_ids   text        NOT NULL,
    public_body    text,
    internal_body  text,
    personal_body  text,
    sensitive_body text
);
CREATE INDEX changes_by_record ON changes (record_id, seq);

-- One row for every write transaction, kept a day: tells what became of a commit whose answer was lost.
CREATE TABLE batches (
    batch uuid        NOT NULL PRIMARY KEY,
    seq   bigint      NOT NULL,
    at    timestamptz NOT NULL
);
CREATE INDEX batches_by_age ON batches (at);

CREATE TABLE external_ids (
    system    text_key NOT NULL,
    type      text_key NOT NULL,
    value     text_key NOT NULL,
    record_id uuid     NOT NULL,
    PRIMARY KEY (system, type, value)
);

-- Which live records point to a record: a delete asks here.
CREATE TABLE record_links (
    to_type   text_key NOT NULL,
    to_id     uuid     NOT NULL,
    from_type text_key NOT NULL,
    from_id   uuid     NOT NULL,
    PRIMARY KEY (to_id, to_type, from_id, from_type)
);

-- The tree of units as the engine walks it; the units themselves are records.
CREATE TABLE unit_tree (
    unit_id      uuid   NOT NULL PRIMARY KEY,
    parent_id    uuid,
    boundary_seq bigint NOT NULL
);
CREATE TABLE unit_ancestors (
    ancestor_id uuid NOT NULL,
    unit_id     uuid NOT NULL,
    PRIMARY KEY (ancestor_id, unit_id)
);
CREATE INDEX unit_ancestors_by_unit ON unit_ancestors (unit_id);

-- What POSTs under an Idempotency-Key came to, written in the transaction of their effect: for records the status, id and
-- version of each item, for accounts the id of the new thing. Never a body.
CREATE TABLE idempotency_keys (
    caller_id   uuid        NOT NULL,
    key         text_key    NOT NULL,
    fingerprint text        NOT NULL,
    outcome     text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (caller_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (at);
