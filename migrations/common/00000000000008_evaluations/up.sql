CREATE TABLE member_evaluations (
    id             uuid        NOT NULL PRIMARY KEY,
    unit_id        uuid        NOT NULL,
    version        bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz,
    origin         text,
    external_ids   text        NOT NULL,
    public_body    text        NOT NULL,
    internal_body  text        NOT NULL,
    personal_body  text        NOT NULL,
    sensitive_body text        NOT NULL,
    round_id       uuid        NOT NULL,
    member_id      uuid        NOT NULL,
    final_level    text_key,
    excluded       bigint      NOT NULL
);
CREATE INDEX member_evaluations_by_unit ON member_evaluations (unit_id, id);
CREATE INDEX member_evaluations_by_created ON member_evaluations (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_updated ON member_evaluations (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_round ON member_evaluations (round_id, member_id);
CREATE INDEX member_evaluations_by_member ON member_evaluations (member_id);

CREATE TABLE unit_evaluations (
    id             uuid        NOT NULL PRIMARY KEY,
    unit_id        uuid        NOT NULL,
    version        bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz,
    origin         text,
    external_ids   text        NOT NULL,
    public_body    text        NOT NULL,
    internal_body  text        NOT NULL,
    personal_body  text        NOT NULL,
    sensitive_body text        NOT NULL,
    round_id       uuid        NOT NULL,
    final_level    text_key
);
CREATE INDEX unit_evaluations_by_unit ON unit_evaluations (unit_id, id);
CREATE INDEX unit_evaluations_by_created ON unit_evaluations (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX unit_evaluations_by_updated ON unit_evaluations (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX unit_evaluations_by_round ON unit_evaluations (round_id, unit_id);
