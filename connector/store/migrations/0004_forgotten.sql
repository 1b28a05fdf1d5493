-- Tombstones of what was forgotten on request: a keyed digest of the CRM's id, never the id. `kind` is that of the record,
-- or `activity`; the key is the setting `tombstone_salt`.

CREATE TABLE forgotten (
    digest {ref} NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL
) {clustered};
