-- Work that outlives a request, what mail needs to know of users, and invites.
-- Its twin for SQLite differs in type names.

CREATE TABLE jobs (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    -- Sealed: it may hold a token or an address.
    payload BYTEA NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    -- Who works on it, and until when nobody else may take it.
    locked_by TEXT COLLATE "C",
    locked_until BIGINT,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    CONSTRAINT jobs_pkey PRIMARY KEY (id)
);
-- By kind: who looks for letters does not walk past every webhook that waits.
CREATE INDEX jobs_due_idx ON jobs (state, kind, run_at, id);
CREATE INDEX jobs_finished_idx ON jobs (finished_at, id);

ALTER TABLE users ADD COLUMN email TEXT COLLATE "C";
ALTER TABLE users ADD COLUMN language TEXT COLLATE "C";
CREATE INDEX users_email_idx ON users (email);

-- The epoch of the account a link was made for: whatever raises it ends the link too.
ALTER TABLE links ADD COLUMN user_epoch BIGINT;

CREATE TABLE invites (
    id TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    email TEXT COLLATE "C",
    language TEXT COLLATE "C",
    device_limit BIGINT,
    data_limit_bytes BIGINT,
    -- When the account that it makes will stop.
    account_expires_at BIGINT,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    -- The account that it made.
    user_id TEXT COLLATE "C",
    -- Who made it; none where it was made on the machine itself.
    created_by TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    CONSTRAINT invites_pkey PRIMARY KEY (id),
    CONSTRAINT invites_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX invites_created_idx ON invites (created_at, id);
CREATE INDEX invites_expires_idx ON invites (expires_at, id);

CREATE TABLE webhooks (
    id TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    -- Sealed: what signs is read again for each call.
    secret BYTEA NOT NULL,
    -- Words with blanks between them; empty for every kind.
    kinds TEXT COLLATE "C" NOT NULL,
    active BOOLEAN NOT NULL,
    -- The row of calls that all failed: since when, how many, and when the last one was.
    failing_since BIGINT,
    failures BIGINT NOT NULL,
    failed_at BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- From then on it is nowhere to be seen, and its log is removed little by little.
    deleted_at BIGINT,
    search TEXT COLLATE "C" NOT NULL,
    CONSTRAINT webhooks_pkey PRIMARY KEY (id)
);

-- What is still to be told, written with the act.
CREATE TABLE webhook_events (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    CONSTRAINT webhook_events_pkey PRIMARY KEY (id)
);

CREATE TABLE webhook_deliveries (
    id TEXT COLLATE "C" NOT NULL,
    webhook_id TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    delivered BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    status BIGINT,
    took_ms BIGINT,
    error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    attempted_at BIGINT,
    search TEXT COLLATE "C" NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_webhook_fkey FOREIGN KEY (webhook_id) REFERENCES webhooks (id)
);
CREATE INDEX webhook_deliveries_webhook_idx ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_created_idx ON webhook_deliveries (created_at, id);
