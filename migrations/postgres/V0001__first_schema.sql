-- The first schema. Times are unix milliseconds, ids UUIDv7 text, sealed values bytes that only the master key opens.
-- Its twin for SQLite differs in type names alone. Nothing is deferred: SQLite checks at each statement too.

CREATE TABLE probe (
    id BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    CONSTRAINT probe_pkey PRIMARY KEY (id)
);
INSERT INTO probe (id, beat) VALUES (1, 0);

-- Sequences that grow in the order of commits: 'desired' numbers changes nodes must hear of, 'desired_floor' is the
-- newest of them whose row was purged, 'outbox' numbers invalidations,
-- 'layout' numbers changes of interfaces.
CREATE TABLE counters (
    name TEXT COLLATE "C" NOT NULL,
    value BIGINT NOT NULL,
    CONSTRAINT counters_pkey PRIMARY KEY (name)
);
INSERT INTO counters (name, value) VALUES ('desired', 0);
INSERT INTO counters (name, value) VALUES ('desired_floor', 0);
INSERT INTO counters (name, value) VALUES ('outbox', 0);
INSERT INTO counters (name, value) VALUES ('layout', 0);

CREATE TABLE outbox (
    sequence BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (sequence)
);
CREATE INDEX outbox_created_idx ON outbox (created_at);

CREATE TABLE settings (
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT settings_pkey PRIMARY KEY (key)
);

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL,
    login TEXT COLLATE "C" NOT NULL,
    login_folded TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C",
    password_changed_at BIGINT,
    epoch BIGINT NOT NULL,
    disabled BOOLEAN NOT NULL,
    locked_until BIGINT,
    expires_at BIGINT,
    data_limit_bytes BIGINT,
    device_limit BIGINT,
    -- Bytes of devices that were purged, so that a limit outlives them.
    retired_bytes BIGINT NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_login_key ON users (login_folded) WHERE deleted_at IS NULL;
CREATE INDEX users_login_idx ON users (login, id);
CREATE INDEX users_display_name_idx ON users (display_name, id);
CREATE INDEX users_created_idx ON users (created_at, id);
CREATE INDEX users_expires_idx ON users (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX users_deleted_idx ON users (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE networks (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    ipv4 TEXT COLLATE "C",
    ipv6 TEXT COLLATE "C",
    dns TEXT COLLATE "C" NOT NULL,
    mtu BIGINT NOT NULL,
    keepalive_s BIGINT NOT NULL,
    routes TEXT COLLATE "C" NOT NULL,
    isolated BOOLEAN NOT NULL,
    config_revision BIGINT NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT networks_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX networks_name_key ON networks (name) WHERE deleted_at IS NULL;

-- No index below these is free, so the search for the lowest free one starts here.
CREATE TABLE address_hints (
    network_id TEXT COLLATE "C" NOT NULL,
    ipv4_from BIGINT NOT NULL,
    ipv6_from BIGINT NOT NULL,
    CONSTRAINT address_hints_pkey PRIMARY KEY (network_id),
    CONSTRAINT address_hints_network_fkey FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
);

CREATE TABLE nodes (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    location TEXT COLLATE "C" NOT NULL,
    capacity BIGINT,
    draining BOOLEAN NOT NULL,
    local BOOLEAN NOT NULL,
    credential_hash BYTEA,
    last_seen_at BIGINT,
    applied_sequence BIGINT NOT NULL,
    health TEXT COLLATE "C" NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT nodes_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX nodes_name_key ON nodes (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX nodes_credential_key ON nodes (credential_hash);

CREATE TABLE node_networks (
    id TEXT COLLATE "C" NOT NULL,
    node_id TEXT COLLATE "C" NOT NULL,
    network_id TEXT COLLATE "C" NOT NULL,
    interface TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL,
    private_key BYTEA NOT NULL,
    listen_port BIGINT NOT NULL,
    endpoint_host TEXT COLLATE "C",
    endpoint_port BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT node_networks_pkey PRIMARY KEY (id),
    CONSTRAINT node_networks_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id),
    CONSTRAINT node_networks_network_fkey FOREIGN KEY (network_id) REFERENCES networks (id),
    CONSTRAINT node_networks_network_key UNIQUE (node_id, network_id),
    CONSTRAINT node_networks_listen_port_key UNIQUE (node_id, listen_port),
    CONSTRAINT node_networks_interface_key UNIQUE (node_id, interface)
);
CREATE INDEX node_networks_network_idx ON node_networks (network_id);

CREATE TABLE devices (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    network_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL,
    preshared_key BYTEA,
    private_key BYTEA,
    ipv4 TEXT COLLATE "C",
    ipv4_index BIGINT,
    ipv6 TEXT COLLATE "C",
    ipv6_index BIGINT,
    disabled BOOLEAN NOT NULL,
    expires_at BIGINT,
    duration_s BIGINT,
    data_limit_bytes BIGINT,
    first_handshake_at BIGINT,
    exported_config_revision BIGINT,
    note TEXT COLLATE "C" NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    changed_seq BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT devices_pkey PRIMARY KEY (id),
    CONSTRAINT devices_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT devices_network_fkey FOREIGN KEY (network_id) REFERENCES networks (id),
    -- Deleted devices keep key and address until they are purged, so that a deletion can be undone.
    CONSTRAINT devices_public_key_key UNIQUE (public_key),
    CONSTRAINT devices_ipv4_key UNIQUE (network_id, ipv4_index),
    CONSTRAINT devices_ipv6_key UNIQUE (network_id, ipv6_index),
    CONSTRAINT devices_ipv4_check CHECK ((ipv4 IS NULL) = (ipv4_index IS NULL)),
    CONSTRAINT devices_ipv6_check CHECK ((ipv6 IS NULL) = (ipv6_index IS NULL))
);
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
    device_id TEXT COLLATE "C" NOT NULL,
    rx_bytes BIGINT NOT NULL,
    tx_bytes BIGINT NOT NULL,
    last_handshake_at BIGINT,
    -- The node of that handshake.
    last_node_id TEXT COLLATE "C",
    updated_at BIGINT NOT NULL,
    CONSTRAINT usage_pkey PRIMARY KEY (device_id),
    CONSTRAINT usage_device_fkey FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE
);

-- The last cumulative counters each node reported, from which growth is told.
CREATE TABLE usage_readings (
    node_id TEXT COLLATE "C" NOT NULL,
    device_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    rx_seen BIGINT NOT NULL,
    tx_seen BIGINT NOT NULL,
    CONSTRAINT usage_readings_pkey PRIMARY KEY (node_id, device_id),
    CONSTRAINT usage_readings_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id),
    CONSTRAINT usage_readings_device_fkey FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE
);
CREATE INDEX usage_readings_device_idx ON usage_readings (device_id);

CREATE TABLE usage_daily (
    device_id TEXT COLLATE "C" NOT NULL,
    day BIGINT NOT NULL,
    rx_bytes BIGINT NOT NULL,
    tx_bytes BIGINT NOT NULL,
    CONSTRAINT usage_daily_pkey PRIMARY KEY (device_id, day),
    CONSTRAINT usage_daily_device_fkey FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE
);
CREATE INDEX usage_daily_day_idx ON usage_daily (day);

CREATE TABLE usage_reports (
    node_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    CONSTRAINT usage_reports_pkey PRIMARY KEY (node_id),
    CONSTRAINT usage_reports_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id)
);

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    refresh_hash BYTEA NOT NULL,
    previous_refresh_hash BYTEA,
    rotated_at BIGINT,
    successor BYTEA,
    user_agent TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT sessions_refresh_hash_key UNIQUE (refresh_hash)
);
CREATE INDEX sessions_user_idx ON sessions (user_id, id);
CREATE INDEX sessions_previous_idx ON sessions (previous_refresh_hash);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);
CREATE INDEX sessions_revoked_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Refresh tokens older than a session's last but one: whoever shows one has it from somebody else.
CREATE TABLE spent_refresh (
    hash BYTEA NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    spent_at BIGINT NOT NULL,
    CONSTRAINT spent_refresh_pkey PRIMARY KEY (hash),
    CONSTRAINT spent_refresh_session_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE INDEX spent_refresh_session_idx ON spent_refresh (session_id, spent_at);

-- What programs hold to speak for a user, known by the hash of a text that is shown once.
CREATE TABLE api_tokens (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- Actions of the access table, or 'all'; words with a blank between, as are the ranges of addresses below.
    scopes TEXT COLLATE "C" NOT NULL,
    allowed_from TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    search TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_tokens_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX api_tokens_user_idx ON api_tokens (user_id, id);
CREATE INDEX api_tokens_name_idx ON api_tokens (name, id);
CREATE INDEX api_tokens_created_idx ON api_tokens (created_at, id);
CREATE INDEX api_tokens_expires_idx ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE audit_events (
    id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_id TEXT COLLATE "C",
    -- The token by which that user acted, where it was one.
    api_token_id TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    target_kind TEXT COLLATE "C" NOT NULL,
    target_id TEXT COLLATE "C",
    outcome TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    -- Where it came from: personal, so it can be erased while the event stays.
    source TEXT COLLATE "C",
    before_state TEXT COLLATE "C",
    after_state TEXT COLLATE "C",
    CONSTRAINT audit_events_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_events_actor_idx ON audit_events (actor_id, id);
CREATE INDEX audit_events_target_idx ON audit_events (target_id, id);
CREATE INDEX audit_events_at_idx ON audit_events (at, id);

CREATE TABLE idempotency_keys (
    actor_id TEXT COLLATE "C" NOT NULL,
    key_hash BYTEA NOT NULL,
    request_hash BYTEA NOT NULL,
    status BIGINT NOT NULL,
    body BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (actor_id, key_hash)
);
CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

-- One-time links: setup, reveal and their like.
CREATE TABLE links (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    target_id TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT links_pkey PRIMARY KEY (id),
    CONSTRAINT links_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX links_kind_idx ON links (kind, target_id);
CREATE INDEX links_expires_idx ON links (expires_at);

CREATE TABLE join_tokens (
    id TEXT COLLATE "C" NOT NULL,
    node_id TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT join_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT join_tokens_node_fkey FOREIGN KEY (node_id) REFERENCES nodes (id),
    CONSTRAINT join_tokens_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX join_tokens_node_idx ON join_tokens (node_id);

-- Never holds a row. Writers that met each other take turns by locking it before their snapshot is fixed.
CREATE TABLE write_turns (
    id BIGINT NOT NULL,
    CONSTRAINT write_turns_pkey PRIMARY KEY (id)
);
