CREATE TABLE terms (
    ENVELOPE,
    from_date      text_key    NOT NULL,
    to_date        text_key
);
CREATE INDEX terms_by_unit ON terms (unit_id, from_date, id) WHERE deleted_at IS NULL;
CREATE INDEX terms_by_updated ON terms (updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE positions (
    ENVELOPE,
    member_id      uuid        NOT NULL,
    position_code  text_key    NOT NULL,
    body           text_key,
    from_date      text_key    NOT NULL,
    to_date        text_key
);
CREATE INDEX positions_by_unit ON positions (unit_id, position_code, id) WHERE deleted_at IS NULL;
CREATE INDEX positions_by_updated ON positions (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX positions_by_member ON positions (member_id, id) WHERE deleted_at IS NULL;
