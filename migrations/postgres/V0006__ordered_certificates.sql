-- Certificates that the service orders by itself: one order for a name at a time, whatever starts and stops meanwhile.
-- Its twin for SQLite differs in type names.

CREATE TABLE certificates (
    -- A DNS name, one with a star as its first label, or an address.
    name TEXT COLLATE "C" NOT NULL,
    -- The certificate in force: PEM, and its key, sealed. NULL until there is one.
    chain TEXT,
    private_key BYTEA,
    not_before BIGINT,
    not_after BIGINT,
    issuer TEXT,
    fingerprint TEXT,
    -- When it came, by our own clock.
    obtained_at BIGINT,
    -- When the authority wants it renewed, the point that was chosen in there, and when to ask again.
    window_start BIGINT,
    window_end BIGINT,
    window_chosen BIGINT,
    ask_again_at BIGINT,
    -- The order under way, and the key that it is for, sealed. Both are written before anything is done with the order.
    order_url TEXT,
    order_key BYTEA,
    -- An attempt is counted, and the wait after it set, before it is made.
    attempts BIGINT NOT NULL,
    -- Attempts since the last one that brought a certificate.
    failures BIGINT NOT NULL,
    attempted_at BIGINT,
    next_try_at BIGINT NOT NULL,
    last_error TEXT,
    last_error_at BIGINT,
    -- Who works on it, and until when nobody else may, by the database's clock.
    held_by TEXT,
    held_until BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT certificates_pkey PRIMARY KEY (name)
);

CREATE TABLE acme_accounts (
    -- The address of the authority's directory.
    directory TEXT COLLATE "C" NOT NULL,
    -- Sealed: the account's private key is in it.
    credentials BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT acme_accounts_pkey PRIMARY KEY (directory)
);

-- What is shown to an authority while it looks. Any replica may be the one that it comes to.
CREATE TABLE acme_proofs (
    method TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    -- Anybody may read it: it is of use to nobody but the holder of the account.
    key_authorization TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT acme_proofs_pkey PRIMARY KEY (method, identifier, token)
);
