CREATE TABLE units (
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
    parent_id      uuid,
    code           text_key,
    kind           text_key    NOT NULL,
    cell_type      text_key,
    state          text_key    NOT NULL,
    name_key       text_key    NOT NULL,
    search         text_key    NOT NULL
);
CREATE INDEX units_by_unit ON units (unit_id, id);
CREATE INDEX units_by_parent ON units (parent_id, code);
CREATE INDEX units_by_name ON units (name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX units_by_code ON units (code, id) WHERE deleted_at IS NULL;
CREATE INDEX units_by_created ON units (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX units_by_updated ON units (updated_at, id) WHERE deleted_at IS NULL;
