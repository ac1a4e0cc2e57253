CREATE TABLE evaluation_schemes (
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
    subject_kind   text_key    NOT NULL,
    valid_from     text_key    NOT NULL,
    valid_to       text_key,
    name_key       text_key    NOT NULL
);
CREATE INDEX evaluation_schemes_by_unit ON evaluation_schemes (unit_id, id);
CREATE INDEX evaluation_schemes_by_created ON evaluation_schemes (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_schemes_by_updated ON evaluation_schemes (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_schemes_by_name ON evaluation_schemes (name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_schemes_by_valid ON evaluation_schemes (valid_from, id) WHERE deleted_at IS NULL;

CREATE TABLE evaluation_rounds (
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
    scheme_id      uuid        NOT NULL,
    year           bigint      NOT NULL,
    quarter        bigint,
    state          text_key    NOT NULL
);
CREATE INDEX evaluation_rounds_by_unit ON evaluation_rounds (unit_id, id);
CREATE INDEX evaluation_rounds_by_created ON evaluation_rounds (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_rounds_by_updated ON evaluation_rounds (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_rounds_by_scheme ON evaluation_rounds (scheme_id, unit_id);
CREATE INDEX evaluation_rounds_by_year ON evaluation_rounds (year, id) WHERE deleted_at IS NULL;
