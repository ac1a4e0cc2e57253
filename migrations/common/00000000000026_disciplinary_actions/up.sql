CREATE TABLE disciplinary_actions (
    ENVELOPE,
    member_id      uuid,
    form           text_key    NOT NULL,
    decided_on     text_key    NOT NULL
);
CREATE INDEX disciplinary_actions_by_unit ON disciplinary_actions (unit_id, decided_on, id) WHERE deleted_at IS NULL;
CREATE INDEX disciplinary_actions_by_updated ON disciplinary_actions (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX disciplinary_actions_by_member ON disciplinary_actions (member_id, id) WHERE deleted_at IS NULL;
