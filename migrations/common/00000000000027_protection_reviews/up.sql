CREATE TABLE protection_reviews (
    ENVELOPE,
    member_id      uuid,
    admission_id   uuid,
    occasion       text_key    NOT NULL,
    requested_on   text_key    NOT NULL,
    result         text_key
);
CREATE INDEX protection_reviews_by_unit ON protection_reviews (unit_id, requested_on, id) WHERE deleted_at IS NULL;
CREATE INDEX protection_reviews_by_updated ON protection_reviews (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX protection_reviews_by_member ON protection_reviews (member_id, id) WHERE deleted_at IS NULL AND member_id IS NOT NULL;
CREATE INDEX protection_reviews_by_admission ON protection_reviews (admission_id, id) WHERE deleted_at IS NULL AND admission_id IS NOT NULL;
