-- Whether the effect of a write was there before it, as its receipt said; NULL where no receipt said so.

ALTER TABLE outbox ADD COLUMN already INTEGER;
