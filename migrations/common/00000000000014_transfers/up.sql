CREATE TABLE transfers (
    ENVELOPE,
    kind           text_key    NOT NULL,
    state          text_key    NOT NULL,
    since          text_key    NOT NULL,
    member_id      uuid,
    to_unit_id     uuid,
    reason_code    text_key    NOT NULL,
    deadline_on    text_key,
    name_key       text_key    NOT NULL
);
CREATE INDEX transfers_by_unit ON transfers (unit_id, since, id) WHERE deleted_at IS NULL;
CREATE INDEX transfers_by_updated ON transfers (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX transfers_by_member ON transfers (member_id, id) WHERE deleted_at IS NULL AND member_id IS NOT NULL;
CREATE INDEX transfers_by_receiver ON transfers (to_unit_id, id) WHERE deleted_at IS NULL AND to_unit_id IS NOT NULL;
