-- Offers and what the turns in a pool are decided by. `open` is 0 for records that are deleted, merged, converted or
-- closed; `status` is in the CRM's spelling, `company` in small letters. The last three columns of records are filled by
-- migrate.py from `data`.

CREATE TABLE offers (
    record {ref} NOT NULL,
    rule {ref} NOT NULL,
    occasion {ref} NOT NULL,
    round INTEGER NOT NULL,
    pool TEXT NOT NULL,
    person TEXT NOT NULL,
    owner TEXT NOT NULL,
    at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    key {ref} NOT NULL,
    state TEXT NOT NULL,
    settled BIGINT,
    PRIMARY KEY (record, rule, occasion, round)
) {clustered};

CREATE INDEX offers_key ON offers (key);

CREATE INDEX offers_at ON offers (at);

ALTER TABLE assignments ADD COLUMN shares TEXT NOT NULL DEFAULT '{}';

ALTER TABLE records ADD COLUMN status TEXT;

ALTER TABLE records ADD COLUMN company {ref};

ALTER TABLE records ADD COLUMN open INTEGER NOT NULL DEFAULT 1;

CREATE INDEX records_open ON records (open, owner, status);

CREATE INDEX records_company ON records (company);
