-- The first schema. Times are unix milliseconds, ids UUIDv7 text, sealed values bytes that only the master key opens.
-- Its twin for PostgreSQL differs in type names, and has one more table that its writers queue on.

CREATE TABLE probe (
    id INTEGER NOT NULL,
    beat INTEGER NOT NULL,
    CONSTRAINT probe_pkey PRIMARY KEY (id)
) STRICT;
INSERT INTO probe (id, beat) VALUES (1, 0);

-- Sequences that grow in the order of commits: 'desired' numbers changes nodes must hear of, 'desired_floor' is the
-- newest of them whose row was purged, 'outbox' numbers invalidations,
-- 'layout' numbers changes of interfaces.
CREATE TABLE counters (
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    CONSTRAINT counters_pkey PRIMARY KEY (name)
) STRICT;
INSERT INTO counters (name, value) VALUES ('desired', 0);
INSERT INTO counters (name, value) VALUES ('desired_floor', 0);
INSERT INTO counters (name, value) VALUES ('outbox', 0);
INSERT INTO counters (name, value) VALUES ('layout', 0);

CREATE TABLE outbox (
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (sequence)
) STRICT;
CREATE INDEX outbox_created_idx ON outbox (created_at);

CREATE TABLE settings (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT settings_pkey PRIMARY KEY (key)
) STRICT;

CREATE TABLE users (
    id TEXT NOT NULL,
    login TEXT NOT NULL,
    login_folded TEXT NOT NULL,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT,
    password_changed_at INTEGER,
    epoch INTEGER NOT NULL,
    disabled INTEGER NOT NULL CONSTRAINT users_disabled_check CHECK (disabled IN (0, 1)),
    locked_until INTEGER,
    expires_at INTEGER,
    data_limit_bytes INTEGER,
    device_limit INTEGER,
    -- Bytes of devices that were purged, so that a limit outlives them.
    retired_bytes INTEGER NOT NULL,
    search TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT users_pkey PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX users_login_key ON users (login_folded) WHERE deleted_at IS NULL;
CREATE INDEX users_login_idx ON users (login, id);
CREATE INDEX users_display_name_idx ON users (display_name, id);
CREATE INDEX users_created_idx ON users (created_at, id);
CREATE INDEX users_expires_idx ON users (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX users_deleted_idx ON users (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE networks (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    ipv4 TEXT,
    ipv6 TEXT,
    dns TEXT NOT NULL,
    mtu INTEGER NOT NULL,
    keepalive_s INTEGER NOT NULL,
    routes TEXT NOT NULL,
    isolated INTEGER NOT NULL CONSTRAINT networks_isolated_check CHECK (isolated IN (0, 1)),
    config_revision INTEGER NOT NULL,
    search TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT networks_pkey PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX networks_name_key ON networks (name) WHERE deleted_at IS NULL;

-- No index below these is free, so the search for the lowest free one starts here.
CREATE TABLE address_hints (
    network_id TEXT NOT NULL,
    ipv4_from INTEGER NOT NULL,
    ipv6_from INTEGER NOT NULL,
    CONSTRAINT address_hints_pkey PRIMARY KEY (network_id),
    CONSTRAINT address_hints_network_fkey FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE nodes (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    capacity INTEGER,
    draining INTEGER NOT NULL CONSTRAINT nodes_draining_check CHECK (draining IN (0, 1)),
    local INTEGER NOT NULL CONSTRAINT nodes_local_check CHECK (local IN (0, 1)),
    credential_hash BLOB,
    last_seen_at INTEGER,
    applied_sequence INTEGER NOT NULL,
    health TEXT NOT NULL,
    search TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT nodes_pkey PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX nodes_name_key ON nodes (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX nodes_credential_key ON nodes (credential_hash);

CREATE TABLE node_networks (
    id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    network_id TEXT NOT NULL,
    interface TEXT NOT NULL,
    public_key TEXT NOT NULL,
    private_key BLOB NOT NULL,
    listen_port INTEGER NOT NULL,
    endpoint_host TEXT,
    endpoint_port INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT node_networks_pkey PRIMARY KEY (id),
    CONSTRAINT node_networks_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id),
    CONSTRAINT node_networks_network_fkey FOREIGN KEY (network_id) REFERENCES networks (id),
    CONSTRAINT node_networks_network_key UNIQUE (node_id, network_id),
    CONSTRAINT node_networks_listen_port_key UNIQUE (node_id, listen_port),
    CONSTRAINT node_networks_interface_key UNIQUE (node_id, interface)
) STRICT;
CREATE INDEX node_networks_network_idx ON node_networks (network_id);

CREATE TABLE devices (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    network_id TEXT NOT NULL,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    preshared_key BLOB,
    private_key BLOB,
    ipv4 TEXT,
    ipv4_index INTEGER,
    ipv6 TEXT,
    ipv6_index INTEGER,
    disabled INTEGER NOT NULL CONSTRAINT devices_disabled_check CHECK (disabled IN (0, 1)),
    expires_at INTEGER,
    duration_s INTEGER,
    data_limit_bytes INTEGER,
    first_handshake_at INTEGER,
    exported_config_revision INTEGER,
    note TEXT NOT NULL,
    search TEXT NOT NULL,
    changed_seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT devices_pkey PRIMARY KEY (id),
    CONSTRAINT devices_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT devices_network_fkey FOREIGN KEY (network_id) REFERENCES networks (id),
    -- Deleted devices keep key and address until they are purged, so that a deletion can be undone.
    CONSTRAINT devices_public_key_key UNIQUE (public_key),
    CONSTRAINT devices_ipv4_key UNIQUE (network_id, ipv4_index),
    CONSTRAINT devices_ipv6_key UNIQUE (network_id, ipv6_index),
    CONSTRAINT devices_ipv4_check CHECK ((ipv4 IS NULL) = (ipv4_index IS NULL)),
    CONSTRAINT devices_ipv6_check CHECK ((ipv6 IS NULL) = (ipv6_index IS NULL))
) STRICT;
CREATE UNIQUE INDEX devices_name_key ON devices (user_id, name) WHERE deleted_at IS NULL;
CREATE INDEX devices_user_idx ON devices (user_id, id);
CREATE INDEX devices_network_idx ON devices (network_id, id);
CREATE INDEX devices_changed_idx ON devices (network_id, changed_seq);
CREATE INDEX devices_name_idx ON devices (name, id);
CREATE INDEX devices_created_idx ON devices (created_at, id);
CREATE INDEX devices_expires_idx ON devices (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX devices_deleted_idx ON devices (deleted_at) WHERE deleted_at IS NOT NULL;

-- Bytes of a device on all nodes together.
CREATE TABLE usage (
    device_id TEXT NOT NULL,
    rx_bytes INTEGER NOT NULL,
    tx_bytes INTEGER NOT NULL,
    last_handshake_at INTEGER,
    -- The node of that handshake.
    last_node_id TEXT,
    updated_at INTEGER NOT NULL,
    CONSTRAINT usage_pkey PRIMARY KEY (device_id),
    CONSTRAINT usage_device_fkey FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE
) STRICT;

-- The last cumulative counters each node reported, from which growth is told.
CREATE TABLE usage_readings (
    node_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    rx_seen INTEGER NOT NULL,
    tx_seen INTEGER NOT NULL,
    CONSTRAINT usage_readings_pkey PRIMARY KEY (node_id, device_id),
    CONSTRAINT usage_readings_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id),
    CONSTRAINT usage_readings_device_fkey FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX usage_readings_device_idx ON usage_readings (device_id);

CREATE TABLE usage_daily (
    device_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    rx_bytes INTEGER NOT NULL,
    tx_bytes INTEGER NOT NULL,
    CONSTRAINT usage_daily_pkey PRIMARY KEY (device_id, day),
    CONSTRAINT usage_daily_device_fkey FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX usage_daily_day_idx ON usage_daily (day);

CREATE TABLE usage_reports (
    node_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    CONSTRAINT usage_reports_pkey PRIMARY KEY (node_id),
    CONSTRAINT usage_reports_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id)
) STRICT;

CREATE TABLE sessions (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    refresh_hash BLOB NOT NULL,
    previous_refresh_hash BLOB,
    rotated_at INTEGER,
    successor BLOB,
    user_agent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT sessions_refresh_hash_key UNIQUE (refresh_hash)
) STRICT;
CREATE INDEX sessions_user_idx ON sessions (user_id, id);
CREATE INDEX sessions_previous_idx ON sessions (previous_refresh_hash);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);
CREATE INDEX sessions_revoked_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Refresh tokens older than a session's last but one: whoever shows one has it from somebody else.
CREATE TABLE spent_refresh (
    hash BLOB NOT NULL,
    session_id TEXT NOT NULL,
    spent_at INTEGER NOT NULL,
    CONSTRAINT spent_refresh_pkey PRIMARY KEY (hash),
    CONSTRAINT spent_refresh_session_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX spent_refresh_session_idx ON spent_refresh (session_id, spent_at);

-- What programs hold to speak for a user, known by the hash of a text that is shown once.
CREATE TABLE api_tokens (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    name TEXT NOT NULL,
    -- Actions of the access table, or 'all'; words with a blank between, as are the ranges of addresses below.
    scopes TEXT NOT NULL,
    allowed_from TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    search TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_tokens_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE INDEX api_tokens_user_idx ON api_tokens (user_id, id);
CREATE INDEX api_tokens_name_idx ON api_tokens (name, id);
CREATE INDEX api_tokens_created_idx ON api_tokens (created_at, id);
CREATE INDEX api_tokens_expires_idx ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE audit_events (
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    -- The token by which that user acted, where it was one.
    api_token_id TEXT,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT,
    outcome TEXT NOT NULL,
    request_id TEXT,
    -- Where it came from: personal, so it can be erased while the event stays.
    source TEXT,
    before_state TEXT,
    after_state TEXT,
    CONSTRAINT audit_events_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX audit_events_actor_idx ON audit_events (actor_id, id);
CREATE INDEX audit_events_target_idx ON audit_events (target_id, id);
CREATE INDEX audit_events_at_idx ON audit_events (at, id);

CREATE TABLE idempotency_keys (
    actor_id TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (actor_id, key_hash)
) STRICT;
CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

-- One-time links: setup, reveal and their like.
CREATE TABLE links (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    target_id TEXT,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT links_pkey PRIMARY KEY (id),
    CONSTRAINT links_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE INDEX links_kind_idx ON links (kind, target_id);
CREATE INDEX links_expires_idx ON links (expires_at);

CREATE TABLE join_tokens (
    id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT join_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT join_tokens_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id),
    CONSTRAINT join_tokens_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE INDEX join_tokens_node_idx ON join_tokens (node_id);
