CREATE TABLE units (
    ENVELOPE,
    parent_id      uuid,
    code           text_key,
    kind           text_key    NOT NULL,
    cell_type      text_key,
    state          text_key    NOT NULL,
    name_key       text_key    NOT NULL,
    other_names    text_key
);
CREATE INDEX units_by_unit ON units (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX units_by_parent ON units (parent_id, code, id) WHERE deleted_at IS NULL;
CREATE INDEX units_by_name ON units (name_key, id, other_names) WHERE deleted_at IS NULL;
CREATE INDEX units_by_code ON units (code, id) WHERE deleted_at IS NULL;
CREATE INDEX units_by_updated ON units (updated_at, id) WHERE deleted_at IS NULL;
