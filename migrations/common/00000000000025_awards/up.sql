CREATE TABLE awards (
    ENVELOPE,
    kind           text_key    NOT NULL,
    year           bigint      NOT NULL,
    member_id      uuid,
    badge_years    bigint,
    decided_on     text_key
);
CREATE INDEX awards_by_unit ON awards (unit_id, kind, year, id) WHERE deleted_at IS NULL;
CREATE INDEX awards_by_updated ON awards (updated_at, id) WHERE deleted_at IS NULL;
-- Titles and a unit's commendations have no member.
CREATE INDEX awards_by_member ON awards (member_id, badge_years, id) WHERE deleted_at IS NULL AND member_id IS NOT NULL;
