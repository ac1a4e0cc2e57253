-- Keys of search and order are computed by the server and compared by bytes, whatever the database's locale.
CREATE DOMAIN text_key AS text COLLATE "C";
