CREATE TABLE members (
    id                     uuid        NOT NULL PRIMARY KEY,
    unit_id                uuid        NOT NULL,
    version                bigint      NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    deleted_at             timestamptz,
    origin                 text,
    external_ids           text        NOT NULL,
    public_body            text        NOT NULL,
    internal_body          text        NOT NULL,
    personal_body          text        NOT NULL,
    sensitive_body         text        NOT NULL,
    status                 text_key    NOT NULL,
    sex                    text_key    NOT NULL,
    education_level        text_key    NOT NULL,
    political_theory_level text_key    NOT NULL,
    employment_status      text_key,
    birth_date             text_key    NOT NULL,
    admission_date         text_key    NOT NULL,
    unit_since             text_key    NOT NULL,
    name_key               text_key    NOT NULL,
    search                 text_key    NOT NULL
);
CREATE INDEX members_by_unit ON members (unit_id, id);
CREATE INDEX members_by_unit_and_name ON members (unit_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX members_by_name ON members (name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX members_by_birth ON members (birth_date, id) WHERE deleted_at IS NULL;
CREATE INDEX members_by_admission ON members (admission_date, id) WHERE deleted_at IS NULL;
CREATE INDEX members_by_created ON members (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX members_by_updated ON members (updated_at, id) WHERE deleted_at IS NULL;

-- Personal, profile and card numbers of living records: found by number, never unique (that would tell about strangers).
CREATE TABLE member_numbers (
    member_id uuid     NOT NULL,
    kind      text_key NOT NULL,
    number    text_key NOT NULL,
    PRIMARY KEY (number, kind, member_id)
);
CREATE INDEX member_numbers_by_member ON member_numbers (member_id);

-- The stays of living records, the present one with an open end, for counts at a date.
CREATE TABLE member_stays (
    member_id uuid     NOT NULL,
    unit_id   uuid     NOT NULL,
    from_date text_key NOT NULL,
    to_date   text_key,
    PRIMARY KEY (member_id, from_date)
);
CREATE INDEX member_stays_by_unit ON member_stays (unit_id, from_date);
