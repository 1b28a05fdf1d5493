-- The first layout. {ref} is text compared byte by byte, {clustered} keeps a narrow table in the order of its key,
-- {serial} is a number the database gives. Instants are whole microseconds since 1970-01-01 UTC.

CREATE TABLE cursors (
    stream TEXT NOT NULL PRIMARY KEY,
    cursor TEXT NOT NULL
);

CREATE TABLE records (
    ref {ref} NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT,
    live INTEGER NOT NULL,
    gone BIGINT,
    first_seen BIGINT NOT NULL,
    data TEXT NOT NULL
);

CREATE INDEX records_kind ON records (kind, live);

CREATE INDEX records_gone ON records (gone);

CREATE INDEX records_id ON records (id);

CREATE TABLE activities (
    id {ref} NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    data TEXT NOT NULL
);

CREATE TABLE activity_records (
    record {ref} NOT NULL,
    activity {ref} NOT NULL REFERENCES activities (id) ON DELETE CASCADE,
    PRIMARY KEY (record, activity)
) {clustered};

CREATE INDEX activity_records_activity ON activity_records (activity);

CREATE TABLE changes (
    record {ref} NOT NULL,
    id {ref} NOT NULL,
    alias {ref},
    field TEXT NOT NULL,
    exact INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (record, id)
);

CREATE TABLE enrollments (
    record {ref} NOT NULL,
    name {ref} NOT NULL,
    since BIGINT,
    active INTEGER NOT NULL,
    PRIMARY KEY (record, name)
) {clustered};

CREATE TABLE deadlines (
    record {ref} NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
) {clustered};

CREATE INDEX deadlines_at ON deadlines (at);

-- `owner` is who owned the record when the rule dealt with it, '' for nobody.
CREATE TABLE marks (
    record {ref} NOT NULL,
    rule {ref} NOT NULL,
    occasion {ref} NOT NULL,
    scope TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (record, rule, occasion)
) {clustered};

CREATE INDEX marks_at ON marks (kind, at);

CREATE TABLE adoptions (
    rule TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    baselined INTEGER NOT NULL
);

CREATE TABLE assignments (
    seq {serial},
    pool TEXT NOT NULL,
    person TEXT NOT NULL,
    record {ref} NOT NULL,
    rule TEXT NOT NULL,
    at BIGINT NOT NULL,
    why TEXT NOT NULL
);

CREATE INDEX assignments_at ON assignments (at);

-- `payload` has what will be written, what stood there and what the rule saw; `reasons` is the trace of the decision.
CREATE TABLE outbox (
    key {ref} NOT NULL PRIMARY KEY,
    record {ref} NOT NULL,
    rule TEXT NOT NULL,
    occasion TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    why TEXT NOT NULL,
    payload TEXT NOT NULL,
    reasons TEXT NOT NULL,
    state TEXT NOT NULL,
    run TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    crm_id TEXT,
    message TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    lease_until BIGINT,
    retargeted INTEGER NOT NULL
);

CREATE INDEX outbox_state ON outbox (state, position, key);

CREATE INDEX outbox_record ON outbox (record, rule, occasion, position);

CREATE INDEX outbox_run ON outbox (run);

CREATE TABLE owners (
    id TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL
);

CREATE TABLE crm_schema (
    crm TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL
);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    now BIGINT NOT NULL,
    data TEXT NOT NULL
);

CREATE INDEX runs_now ON runs (now);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
