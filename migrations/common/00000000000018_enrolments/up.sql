CREATE TABLE enrolments (
    ENVELOPE,
    course_id      uuid        NOT NULL,
    member_id      uuid,
    admission_id   uuid,
    result         text_key    NOT NULL
);
CREATE INDEX enrolments_by_unit ON enrolments (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX enrolments_by_updated ON enrolments (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX enrolments_by_course ON enrolments (course_id, id) WHERE deleted_at IS NULL;
CREATE INDEX enrolments_by_member ON enrolments (member_id, id) WHERE deleted_at IS NULL AND member_id IS NOT NULL;
CREATE INDEX enrolments_by_admission ON enrolments (admission_id, id) WHERE deleted_at IS NULL AND admission_id IS NOT NULL;
