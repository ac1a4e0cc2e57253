CREATE TABLE pledges (
    ENVELOPE,
    member_id      uuid,
    year           bigint      NOT NULL,
    kind           text_key    NOT NULL,
    is_exemplar    bigint      NOT NULL,
    target         bigint,
    result         text_key
);
CREATE INDEX pledges_by_unit ON pledges (unit_id, year, id) WHERE deleted_at IS NULL;
CREATE INDEX pledges_by_updated ON pledges (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX pledges_by_member ON pledges (member_id, id) WHERE deleted_at IS NULL;
