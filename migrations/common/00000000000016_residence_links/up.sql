CREATE TABLE residence_links (
    ENVELOPE,
    name_key       text_key    NOT NULL,
    category       text_key    NOT NULL,
    member_id      uuid,
    from_date      text_key    NOT NULL,
    to_date        text_key
);
CREATE INDEX residence_links_by_unit ON residence_links (unit_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX residence_links_by_updated ON residence_links (updated_at, id) WHERE deleted_at IS NULL;
-- Most links are to people who are no members here.
CREATE INDEX residence_links_by_member ON residence_links (member_id, id) WHERE deleted_at IS NULL AND member_id IS NOT NULL;
