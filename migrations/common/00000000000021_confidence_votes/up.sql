CREATE TABLE confidence_votes (
    ENVELOPE,
    body           text_key    NOT NULL,
    held_on        text_key    NOT NULL
);
CREATE INDEX confidence_votes_by_unit ON confidence_votes (unit_id, held_on, id) WHERE deleted_at IS NULL;
CREATE INDEX confidence_votes_by_updated ON confidence_votes (updated_at, id) WHERE deleted_at IS NULL;
