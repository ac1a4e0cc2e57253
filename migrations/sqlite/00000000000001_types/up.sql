-- SQLite takes a column's type as a hint: uuid and timestamptz hold blobs and integers as they are given,
-- text_key is text compared by bytes, as SQLite does anyway.
SELECT 1;
