-- Identity providers, and who of an account's owner they know.
-- Its twin for SQLite differs in type names alone.

CREATE TABLE identity_providers (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- How it is asked, as JSON: {"oidc": {"issuer": ..}}.
    connection TEXT COLLATE "C" NOT NULL,
    -- Certificates of a private authority, as PEM.
    ca TEXT COLLATE "C",
    -- The secret by which this service proves itself to the provider, sealed.
    secret BYTEA,
    allows_sign_up BOOLEAN NOT NULL,
    default_role TEXT COLLATE "C" NOT NULL,
    -- A list of {"group": .., "role": ..}, as JSON.
    group_roles TEXT COLLATE "C" NOT NULL,
    device_limit BIGINT,
    enabled BOOLEAN NOT NULL,
    search TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT identity_providers_pkey PRIMARY KEY (id),
    CONSTRAINT identity_providers_name_key UNIQUE (name)
);
CREATE INDEX identity_providers_created_idx ON identity_providers (created_at, id);

CREATE TABLE external_identities (
    id TEXT COLLATE "C" NOT NULL,
    provider_id TEXT COLLATE "C" NOT NULL,
    -- Who it is at the provider, for good.
    subject TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    -- Whether the provider's groups decide the account's role.
    is_managed BOOLEAN NOT NULL,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT external_identities_pkey PRIMARY KEY (id),
    CONSTRAINT external_identities_provider_fkey FOREIGN KEY (provider_id)
        REFERENCES identity_providers (id) ON DELETE CASCADE,
    CONSTRAINT external_identities_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT external_identities_subject_key UNIQUE (provider_id, subject),
    CONSTRAINT external_identities_user_key UNIQUE (provider_id, user_id)
);
CREATE INDEX external_identities_user_idx ON external_identities (user_id, id);
