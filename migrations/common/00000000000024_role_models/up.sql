CREATE TABLE role_models (
    ENVELOPE,
    member_id      uuid,
    level          text_key    NOT NULL,
    from_date      text_key    NOT NULL,
    title_key      text_key    NOT NULL
);
CREATE INDEX role_models_by_unit ON role_models (unit_id, from_date, id) WHERE deleted_at IS NULL;
CREATE INDEX role_models_by_updated ON role_models (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX role_models_by_member ON role_models (member_id, id) WHERE deleted_at IS NULL;
