-- The audit as a chain: sealed events belong to a segment, and each segment names the digest of the one before.

-- NULL while the event is not sealed.
ALTER TABLE audit_events ADD COLUMN segment INTEGER;
-- With the salt the source is committed to in the event's digest. Both are erased together, and the commitment stays.
ALTER TABLE audit_events ADD COLUMN source_salt BLOB;
ALTER TABLE audit_events ADD COLUMN source_digest BLOB;
UPDATE audit_events SET source_salt = randomblob(16) WHERE source IS NOT NULL;
CREATE INDEX audit_events_segment_idx ON audit_events (segment, id);

CREATE TABLE audit_segments (
    number INTEGER NOT NULL,
    -- Counts events from 1, in the order in which they were sealed.
    first_position INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    -- When the newest of its events happened.
    newest_at INTEGER NOT NULL,
    previous BLOB NOT NULL,
    -- Id and digest of each event, in order. NULL once retention has removed the events.
    entries BLOB,
    entries_digest BLOB NOT NULL,
    digest BLOB NOT NULL,
    mac BLOB NOT NULL,
    sources_erased_at INTEGER,
    pruned_at INTEGER,
    pruned_mac BLOB,
    CONSTRAINT audit_segments_pkey PRIMARY KEY (number)
) STRICT;
CREATE INDEX audit_segments_sources_idx ON audit_segments (number) WHERE sources_erased_at IS NULL;
CREATE INDEX audit_segments_kept_idx ON audit_segments (newest_at, number) WHERE pruned_at IS NULL;

-- Who does what only one process may do, until when by the database's clock. The token grows with each new holder.
CREATE TABLE leases (
    name TEXT NOT NULL,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (name)
) STRICT;
