CREATE TABLE members (
    ENVELOPE,
    status                 text_key    NOT NULL,
    sex                    text_key    NOT NULL,
    education_level        text_key    NOT NULL,
    political_theory_level text_key    NOT NULL,
    employment_status      text_key,
    birth_date             text_key    NOT NULL,
    admission_date         text_key    NOT NULL,
    unit_since             text_key    NOT NULL,
    left_on                text_key,
    name_key               text_key    NOT NULL,
    other_names            text_key
);
-- What ends these lets a search, and a list of many units, read the index alone. other_names is mostly empty.
CREATE INDEX members_by_unit ON members (unit_id, name_key, birth_date, id, other_names) WHERE deleted_at IS NULL;
CREATE INDEX members_by_name ON members (name_key, birth_date, id, unit_id, other_names) WHERE deleted_at IS NULL;
CREATE INDEX members_by_updated ON members (updated_at, id) WHERE deleted_at IS NULL;

-- Personal, profile and card numbers of living records: found by number, never unique (that would tell about strangers).
CREATE TABLE member_numbers (
    member_id uuid     NOT NULL,
    kind      text_key NOT NULL,
    number    text_key NOT NULL,
    PRIMARY KEY (number, kind, member_id)
) WITHOUT ROWID;
CREATE INDEX member_numbers_by_member ON member_numbers (member_id);

-- The earlier stays of living records, for counts at a date. The present one is in the record's own columns: most members
-- have no other.
CREATE TABLE member_stays (
    member_id uuid     NOT NULL,
    unit_id   uuid     NOT NULL,
    from_date text_key NOT NULL,
    to_date   text_key NOT NULL,
    PRIMARY KEY (member_id, from_date)
) WITHOUT ROWID;
CREATE INDEX member_stays_by_unit ON member_stays (unit_id, from_date);
