-- What a person stopped without a deploy: a rule, a cadence, or (an empty rule) everything. And which marks a person let
-- go: a rule that fired because somebody released it is no part of the next storm, and a match that was held before it
-- was drafted is decided anew.

CREATE TABLE pauses (
    rule {ref} NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    why TEXT NOT NULL
) {clustered};

ALTER TABLE marks ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
