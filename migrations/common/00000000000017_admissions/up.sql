CREATE TABLE admissions (
    ENVELOPE,
    name_key            text_key    NOT NULL,
    birth_date          text_key    NOT NULL,
    state               text_key    NOT NULL,
    since               text_key    NOT NULL,
    proposed_on         text_key,
    ceremony_on         text_key,
    probation_ends_on   text_key,
    member_id           uuid
);
CREATE INDEX admissions_by_unit ON admissions (unit_id, name_key, birth_date, id) WHERE deleted_at IS NULL;
CREATE INDEX admissions_by_updated ON admissions (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX admissions_by_name ON admissions (name_key, birth_date, id) WHERE deleted_at IS NULL;
-- A candidate is no member yet.
CREATE INDEX admissions_by_member ON admissions (member_id, id) WHERE deleted_at IS NULL AND member_id IS NOT NULL;
