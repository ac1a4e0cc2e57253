CREATE TABLE reported_figures (
    ENVELOPE,
    indicator_code text_key    NOT NULL,
    measure        text_key    NOT NULL,
    period_from    text_key,
    status         text_key    NOT NULL
);
CREATE INDEX reported_figures_by_unit ON reported_figures (unit_id, id) WHERE deleted_at IS NULL;
CREATE INDEX reported_figures_by_updated ON reported_figures (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX reported_figures_by_indicator ON reported_figures (indicator_code, id) WHERE deleted_at IS NULL;
