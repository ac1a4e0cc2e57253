-- Which scopes a row of the log concerns: a narrow row for each unit above the record, before and after, and one with
-- downward = 1 for what is readable from below its unit. None for the root of the tree: who holds it reads the log. The
-- rows lie in their key: a second copy beside it would double what every write costs.
CREATE TABLE change_scope (
    unit_id  uuid   NOT NULL,
    downward bigint NOT NULL,
    seq      bigint NOT NULL,
    PRIMARY KEY (unit_id, downward, seq)
) WITHOUT ROWID;
