-- Second factors of accounts: authenticator apps, recovery codes, passkeys, and the questions of sign-ins that are half
-- done. Its twin for PostgreSQL differs in type names.

-- Whether there is a second factor, beside the password's hash, so that a sign-in knows it from the row it reads anyway.
ALTER TABLE users ADD COLUMN has_mfa INTEGER NOT NULL DEFAULT 0 CONSTRAINT users_has_mfa_check CHECK (has_mfa IN (0, 1));

-- When the session's user last proved to be there; nothing where that was at its beginning.
ALTER TABLE sessions ADD COLUMN proved_at INTEGER;

CREATE TABLE totp_secrets (
    user_id TEXT NOT NULL,
    -- Sealed.
    secret BLOB NOT NULL,
    -- Nothing until a code has shown that an app holds the secret.
    confirmed_at INTEGER,
    -- The newest step of 30 s whose code was used: no code works twice.
    last_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT totp_secrets_pkey PRIMARY KEY (user_id),
    CONSTRAINT totp_secrets_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL,
    code_hash BLOB NOT NULL,
    used_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE passkeys (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    credential_id BLOB NOT NULL,
    -- The public key and what was seen of it, as JSON.
    credential TEXT NOT NULL,
    -- How often it has signed, where its authenticator counts.
    counter INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    CONSTRAINT passkeys_pkey PRIMARY KEY (id),
    CONSTRAINT passkeys_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT passkeys_credential_id_key UNIQUE (credential_id)
) STRICT;
CREATE INDEX passkeys_user_idx ON passkeys (user_id, id);

-- Questions that were asked and may be answered for some minutes, known by the hash of a text that the asker holds.
CREATE TABLE challenges (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    -- Nobody where the answer says who it is.
    user_id TEXT,
    -- The user's epoch when it was asked.
    epoch INTEGER NOT NULL,
    session_id TEXT,
    tries_left INTEGER NOT NULL,
    state TEXT,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT challenges_pkey PRIMARY KEY (id),
    CONSTRAINT challenges_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT challenges_session_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT challenges_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE INDEX challenges_user_idx ON challenges (user_id, id);
CREATE INDEX challenges_session_idx ON challenges (session_id);
CREATE INDEX challenges_expires_idx ON challenges (expires_at);
