CREATE TABLE cadre_plans (
    ENVELOPE,
    term_label     text_key    NOT NULL,
    kind           text_key    NOT NULL,
    state          text_key    NOT NULL,
    since          text_key    NOT NULL,
    reference_date text_key    NOT NULL,
    approved_on    text_key,
    closed_on      text_key
);
CREATE INDEX cadre_plans_by_unit ON cadre_plans (unit_id, since, id) WHERE deleted_at IS NULL;
CREATE INDEX cadre_plans_by_updated ON cadre_plans (updated_at, id) WHERE deleted_at IS NULL;
