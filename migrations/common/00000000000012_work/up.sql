-- What becomes due with members: empty while nothing does.
ALTER TABLE members ADD COLUMN probation_ends_on text_key;
ALTER TABLE members ADD COLUMN party_age_start text_key;
