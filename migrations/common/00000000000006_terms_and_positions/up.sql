CREATE TABLE terms (
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
    from_date      text_key    NOT NULL,
    to_date        text_key
);
CREATE INDEX terms_by_unit ON terms (unit_id, id);
CREATE INDEX terms_by_created ON terms (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX terms_by_updated ON terms (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX terms_by_from ON terms (from_date, id) WHERE deleted_at IS NULL;

CREATE TABLE positions (
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
    member_id      uuid        NOT NULL,
    position_code  text_key    NOT NULL,
    body           text_key,
    from_date      text_key    NOT NULL,
    to_date        text_key
);
CREATE INDEX positions_by_unit ON positions (unit_id, id);
CREATE INDEX positions_by_created ON positions (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX positions_by_updated ON positions (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX positions_by_office ON positions (unit_id, position_code);
CREATE INDEX positions_by_member ON positions (member_id);
CREATE INDEX positions_by_from ON positions (from_date, id) WHERE deleted_at IS NULL;
