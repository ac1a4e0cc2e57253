CREATE TABLE member_evaluations (
    ENVELOPE,
    round_id       uuid        NOT NULL,
    member_id      uuid        NOT NULL,
    final_level    text_key,
    excluded       bigint      NOT NULL
);
CREATE INDEX member_evaluations_by_unit ON member_evaluations (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_updated ON member_evaluations (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_round ON member_evaluations (round_id, member_id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_member ON member_evaluations (member_id, id) WHERE deleted_at IS NULL;

CREATE TABLE unit_evaluations (
    ENVELOPE,
    round_id       uuid        NOT NULL,
    final_level    text_key
);
CREATE INDEX unit_evaluations_by_unit ON unit_evaluations (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX unit_evaluations_by_updated ON unit_evaluations (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX unit_evaluations_by_round ON unit_evaluations (round_id, unit_id) WHERE deleted_at IS NULL;
