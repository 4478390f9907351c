-- What this database belongs with, by name: the secret that its tokens are sealed with (a
-- fingerprint of it), and the folder that holds its blobs.
CREATE TABLE house (
    name TEXT PRIMARY KEY,
    mark TEXT NOT NULL
) STRICT;
