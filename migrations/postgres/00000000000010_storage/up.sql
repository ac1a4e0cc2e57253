-- The clock row is rewritten by every write: room beside it keeps the new version on the same page.
ALTER TABLE sync_clock SET (fillfactor = 10);
