-- What an account's entity tag is made of: from 1, plus 1 with each change.
ALTER TABLE accounts ADD COLUMN version bigint NOT NULL DEFAULT 1;
