CREATE TABLE courses (
    ENVELOPE,
    kind           text_key    NOT NULL,
    from_date      text_key    NOT NULL,
    to_date        text_key,
    name_key       text_key    NOT NULL
);
CREATE INDEX courses_by_unit ON courses (unit_id, from_date, id) WHERE deleted_at IS NULL;
CREATE INDEX courses_by_updated ON courses (updated_at, id) WHERE deleted_at IS NULL;
