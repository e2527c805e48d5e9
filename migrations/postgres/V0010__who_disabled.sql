-- Who stopped a device, so that its owner can start again what the owner stopped, and nothing else. Of devices that were
-- stopped before it is not known, and they are an operator's to start.
-- Its twin for SQLite is the same.
ALTER TABLE devices ADD COLUMN disabled_by TEXT;
