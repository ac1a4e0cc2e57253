CREATE TABLE exemptions (
    ENVELOPE,
    member_id      uuid        NOT NULL,
    reason_code    text_key,
    state          text_key    NOT NULL,
    since          text_key    NOT NULL,
    from_date      text_key,
    to_date        text_key,
    review_due_on  text_key
);
CREATE INDEX exemptions_by_unit ON exemptions (unit_id, since, id) WHERE deleted_at IS NULL;
CREATE INDEX exemptions_by_updated ON exemptions (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX exemptions_by_member ON exemptions (member_id, id) WHERE deleted_at IS NULL;
