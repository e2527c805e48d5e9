-- Second factors of accounts: authenticator apps, recovery codes, passkeys, and the questions of sign-ins that are half
-- done. Its twin for SQLite differs in type names.

-- Whether there is a second factor, beside the password's hash, so that a sign-in knows it from the row it reads anyway.
ALTER TABLE users ADD COLUMN has_mfa BOOLEAN NOT NULL DEFAULT FALSE;

-- When the session's user last proved to be there; nothing where that was at its beginning.
ALTER TABLE sessions ADD COLUMN proved_at BIGINT;

CREATE TABLE totp_secrets (
    user_id TEXT COLLATE "C" NOT NULL,
    -- Sealed.
    secret BYTEA NOT NULL,
    -- Nothing until a code has shown that an app holds the secret.
    confirmed_at BIGINT,
    -- The newest step of 30 s whose code was used: no code works twice.
    last_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT totp_secrets_pkey PRIMARY KEY (user_id),
    CONSTRAINT totp_secrets_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE recovery_codes (
    user_id TEXT COLLATE "C" NOT NULL,
    code_hash BYTEA NOT NULL,
    used_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE passkeys (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    credential_id BYTEA NOT NULL,
    -- The public key and what was seen of it, as JSON.
    credential TEXT COLLATE "C" NOT NULL,
    -- How often it has signed, where its authenticator counts.
    counter BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    CONSTRAINT passkeys_pkey PRIMARY KEY (id),
    CONSTRAINT passkeys_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT passkeys_credential_id_key UNIQUE (credential_id)
);
CREATE INDEX passkeys_user_idx ON passkeys (user_id, id);

-- Questions that were asked and may be answered for some minutes, known by the hash of a text that the asker holds.
CREATE TABLE challenges (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    -- Nobody where the answer says who it is.
    user_id TEXT COLLATE "C",
    -- The user's epoch when it was asked.
    epoch BIGINT NOT NULL,
    session_id TEXT COLLATE "C",
    tries_left BIGINT NOT NULL,
    state TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT challenges_pkey PRIMARY KEY (id),
    CONSTRAINT challenges_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT challenges_session_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT challenges_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX challenges_user_idx ON challenges (user_id, id);
CREATE INDEX challenges_session_idx ON challenges (session_id);
CREATE INDEX challenges_expires_idx ON challenges (expires_at);
