CREATE TABLE assignments (
    ENVELOPE,
    member_id      uuid        NOT NULL,
    is_primary     bigint      NOT NULL,
    from_date      text_key    NOT NULL,
    to_date        text_key,
    result         text_key,
    title_key      text_key    NOT NULL
);
CREATE INDEX assignments_by_unit ON assignments (unit_id, from_date, id) WHERE deleted_at IS NULL;
CREATE INDEX assignments_by_updated ON assignments (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX assignments_by_member ON assignments (member_id, id) WHERE deleted_at IS NULL;
