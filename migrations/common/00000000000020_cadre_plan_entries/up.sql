CREATE TABLE cadre_plan_entries (
    ENVELOPE,
    plan_id        uuid        NOT NULL,
    member_id      uuid        NOT NULL,
    position_code  text_key    NOT NULL,
    target_unit_id uuid,
    sex            text_key,
    birth_date     text_key,
    education_level text_key,
    political_theory_level text_key,
    is_successor   bigint      NOT NULL,
    removed        bigint      NOT NULL
);
CREATE INDEX cadre_plan_entries_by_unit ON cadre_plan_entries (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX cadre_plan_entries_by_updated ON cadre_plan_entries (updated_at, id) WHERE deleted_at IS NULL;
-- The first finds who is planned for an office, the second what one person is planned for.
CREATE INDEX cadre_plan_entries_by_plan ON cadre_plan_entries (plan_id, position_code, id) WHERE deleted_at IS NULL;
CREATE INDEX cadre_plan_entries_by_member ON cadre_plan_entries (member_id, plan_id) WHERE deleted_at IS NULL;
