-- The audit as a chain: sealed events belong to a segment, and each segment names the digest of the one before.

-- NULL while the event is not sealed.
ALTER TABLE audit_events ADD COLUMN segment BIGINT;
-- With the salt the source is committed to in the event's digest. Both are erased together, and the commitment stays.
ALTER TABLE audit_events ADD COLUMN source_salt BYTEA;
ALTER TABLE audit_events ADD COLUMN source_digest BYTEA;
UPDATE audit_events SET source_salt = decode(replace(gen_random_uuid()::text, '-', ''), 'hex') WHERE source IS NOT NULL;
CREATE INDEX audit_events_segment_idx ON audit_events (segment, id);

CREATE TABLE audit_segments (
    number BIGINT NOT NULL,
    -- Counts events from 1, in the order in which they were sealed.
    first_position BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    sealed_at BIGINT NOT NULL,
    -- When the newest of its events happened.
    newest_at BIGINT NOT NULL,
    previous BYTEA NOT NULL,
    -- Id and digest of each event, in order. NULL once retention has removed the events.
    entries BYTEA,
    entries_digest BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    sources_erased_at BIGINT,
    pruned_at BIGINT,
    pruned_mac BYTEA,
    CONSTRAINT audit_segments_pkey PRIMARY KEY (number)
);
CREATE INDEX audit_segments_sources_idx ON audit_segments (number) WHERE sources_erased_at IS NULL;
CREATE INDEX audit_segments_kept_idx ON audit_segments (newest_at, number) WHERE pruned_at IS NULL;

-- Who does what only one process may do, until when by the database's clock. The token grows with each new holder.
CREATE TABLE leases (
    name TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    token BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (name)
);
