CREATE TABLE evaluation_schemes (
    ENVELOPE,
    subject_kind   text_key    NOT NULL,
    valid_from     text_key    NOT NULL,
    valid_to       text_key,
    name_key       text_key    NOT NULL
);
CREATE INDEX evaluation_schemes_by_unit ON evaluation_schemes (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_schemes_by_updated ON evaluation_schemes (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_schemes_by_name ON evaluation_schemes (name_key, id) WHERE deleted_at IS NULL;

CREATE TABLE evaluation_rounds (
    ENVELOPE,
    scheme_id      uuid        NOT NULL,
    year           bigint      NOT NULL,
    quarter        bigint,
    state          text_key    NOT NULL
);
CREATE INDEX evaluation_rounds_by_unit ON evaluation_rounds (unit_id, scheme_id, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_rounds_by_updated ON evaluation_rounds (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_rounds_by_scheme ON evaluation_rounds (scheme_id, id) WHERE deleted_at IS NULL;
CREATE INDEX evaluation_rounds_by_year ON evaluation_rounds (year, id) WHERE deleted_at IS NULL;
