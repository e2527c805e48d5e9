-- Identity providers, and who of an account's owner they know.
-- Its twin for PostgreSQL differs in type names alone.

CREATE TABLE identity_providers (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- How it is asked, as JSON: {"oidc": {"issuer": ..}}.
    connection TEXT NOT NULL,
    -- Certificates of a private authority, as PEM.
    ca TEXT,
    -- The secret by which this service proves itself to the provider, sealed.
    secret BLOB,
    allows_sign_up INTEGER NOT NULL CONSTRAINT identity_providers_sign_up_check CHECK (allows_sign_up IN (0, 1)),
    default_role TEXT NOT NULL,
    -- A list of {"group": .., "role": ..}, as JSON.
    group_roles TEXT NOT NULL,
    device_limit INTEGER,
    enabled INTEGER NOT NULL CONSTRAINT identity_providers_enabled_check CHECK (enabled IN (0, 1)),
    search TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT identity_providers_pkey PRIMARY KEY (id),
    CONSTRAINT identity_providers_name_key UNIQUE (name)
) STRICT;
CREATE INDEX identity_providers_created_idx ON identity_providers (created_at, id);

CREATE TABLE external_identities (
    id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    -- Who it is at the provider, for good.
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- Whether the provider's groups decide the account's role.
    is_managed INTEGER NOT NULL CONSTRAINT external_identities_managed_check CHECK (is_managed IN (0, 1)),
    last_used_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT external_identities_pkey PRIMARY KEY (id),
    CONSTRAINT external_identities_provider_fkey FOREIGN KEY (provider_id)
        REFERENCES identity_providers (id) ON DELETE CASCADE,
    CONSTRAINT external_identities_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT external_identities_subject_key UNIQUE (provider_id, subject),
    CONSTRAINT external_identities_user_key UNIQUE (provider_id, user_id)
) STRICT;
CREATE INDEX external_identities_user_idx ON external_identities (user_id, id);
