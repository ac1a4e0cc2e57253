-- When a certificate expires; of most courses there is none.
ALTER TABLE enrolments ADD COLUMN certificate_expires_on text_key;
