CREATE TABLE reported_figures (
    id             uuid        NOT NULL PRIMARY KEY,
    unit_id        uuid        NOT NULL,
    version        bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz,
    origin         text,
    external_ids   text        NOT NULL,
    public_body    text        NOT NULL,
    internal_body  text        NOT NULL,
    personal_body  text        NOT NULL,
    sensitive_body text        NOT NULL,
    indicator_code text_key    NOT NULL,
    measure        text_key    NOT NULL,
    period_from    text_key,
    status         text_key    NOT NULL
);
CREATE INDEX reported_figures_by_unit ON reported_figures (unit_id, id);
CREATE INDEX reported_figures_by_created ON reported_figures (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX reported_figures_by_updated ON reported_figures (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX reported_figures_by_indicator ON reported_figures (indicator_code, id) WHERE deleted_at IS NULL;
