CREATE TABLE member_evaluations (
    ENVELOPE,
    round_id       uuid        NOT NULL,
    member_id      uuid        NOT NULL,
    final_level    text_key,
    excluded       bigint      NOT NULL
);
CREATE INDEX member_evaluations_by_unit ON member_evaluations (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_updated ON member_evaluations (updated_at, id) WHERE deleted_at IS NULL;
-- A round may have very many results, so its index gives their order; the one result of a member in a round is found by
-- the index of the member, who has few.
CREATE INDEX member_evaluations_by_round ON member_evaluations (round_id, id) WHERE deleted_at IS NULL;
CREATE INDEX member_evaluations_by_member ON member_evaluations (member_id, round_id) WHERE deleted_at IS NULL;

CREATE TABLE unit_evaluations (
    ENVELOPE,
    round_id       uuid        NOT NULL,
    final_level    text_key
);
CREATE INDEX unit_evaluations_by_unit ON unit_evaluations (unit_id, round_id, id) WHERE deleted_at IS NULL;
CREATE INDEX unit_evaluations_by_updated ON unit_evaluations (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX unit_evaluations_by_round ON unit_evaluations (round_id, id) WHERE deleted_at IS NULL;
