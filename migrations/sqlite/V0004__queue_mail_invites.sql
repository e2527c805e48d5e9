-- Work that outlives a request, what mail needs to know of users, and invites.
-- Its twin for PostgreSQL differs in type names.

CREATE TABLE jobs (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Sealed: it may hold a token or an address.
    payload BLOB NOT NULL,
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    -- Who works on it, and until when nobody else may take it.
    locked_by TEXT,
    locked_until INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    CONSTRAINT jobs_pkey PRIMARY KEY (id)
) STRICT;
-- By kind: who looks for letters does not walk past every webhook that waits.
CREATE INDEX jobs_due_idx ON jobs (state, kind, run_at, id);
CREATE INDEX jobs_finished_idx ON jobs (finished_at, id);

ALTER TABLE users ADD COLUMN email TEXT;
ALTER TABLE users ADD COLUMN language TEXT;
CREATE INDEX users_email_idx ON users (email);

-- The epoch of the account a link was made for: whatever raises it ends the link too.
ALTER TABLE links ADD COLUMN user_epoch INTEGER;

CREATE TABLE invites (
    id TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    role TEXT NOT NULL,
    email TEXT,
    language TEXT,
    device_limit INTEGER,
    data_limit_bytes INTEGER,
    -- When the account that it makes will stop.
    account_expires_at INTEGER,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    -- The account that it made.
    user_id TEXT,
    -- Who made it; none where it was made on the machine itself.
    created_by TEXT,
    created_at INTEGER NOT NULL,
    search TEXT NOT NULL,
    CONSTRAINT invites_pkey PRIMARY KEY (id),
    CONSTRAINT invites_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE INDEX invites_created_idx ON invites (created_at, id);
CREATE INDEX invites_expires_idx ON invites (expires_at, id);

CREATE TABLE webhooks (
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    -- Sealed: what signs is read again for each call.
    secret BLOB NOT NULL,
    -- Words with blanks between them; empty for every kind.
    kinds TEXT NOT NULL,
    active INTEGER NOT NULL CONSTRAINT webhooks_active_check CHECK (active IN (0, 1)),
    -- The row of calls that all failed: since when, how many, and when the last one was.
    failing_since INTEGER,
    failures INTEGER NOT NULL,
    failed_at INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- From then on it is nowhere to be seen, and its log is removed little by little.
    deleted_at INTEGER,
    search TEXT NOT NULL,
    CONSTRAINT webhooks_pkey PRIMARY KEY (id)
) STRICT;

-- What is still to be told, written with the act.
CREATE TABLE webhook_events (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT webhook_events_pkey PRIMARY KEY (id)
) STRICT;

CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    delivered INTEGER NOT NULL CONSTRAINT webhook_deliveries_delivered_check CHECK (delivered IN (0, 1)),
    attempts INTEGER NOT NULL,
    status INTEGER,
    took_ms INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    attempted_at INTEGER,
    search TEXT NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_webhook_fkey FOREIGN KEY (webhook_id) REFERENCES webhooks (id)
) STRICT;
CREATE INDEX webhook_deliveries_webhook_idx ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_created_idx ON webhook_deliveries (created_at, id);
