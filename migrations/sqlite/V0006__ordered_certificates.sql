-- Certificates that the service orders by itself: one order for a name at a time, whatever starts and stops meanwhile.
-- Its twin for PostgreSQL differs in type names.

CREATE TABLE certificates (
    -- A DNS name, one with a star as its first label, or an address.
    name TEXT NOT NULL,
    -- The certificate in force: PEM, and its key, sealed. NULL until there is one.
    chain TEXT,
    private_key BLOB,
    not_before INTEGER,
    not_after INTEGER,
    issuer TEXT,
    fingerprint TEXT,
    -- When it came, by our own clock.
    obtained_at INTEGER,
    -- When the authority wants it renewed, the point that was chosen in there, and when to ask again.
    window_start INTEGER,
    window_end INTEGER,
    window_chosen INTEGER,
    ask_again_at INTEGER,
    -- The order under way, and the key that it is for, sealed. Both are written before anything is done with the order.
    order_url TEXT,
    order_key BLOB,
    -- An attempt is counted, and the wait after it set, before it is made.
    attempts INTEGER NOT NULL,
    -- Attempts since the last one that brought a certificate.
    failures INTEGER NOT NULL,
    attempted_at INTEGER,
    next_try_at INTEGER NOT NULL,
    last_error TEXT,
    last_error_at INTEGER,
    -- Who works on it, and until when nobody else may, by the database's clock.
    held_by TEXT,
    held_until INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT certificates_pkey PRIMARY KEY (name)
) STRICT;

CREATE TABLE acme_accounts (
    -- The address of the authority's directory.
    directory TEXT NOT NULL,
    -- Sealed: the account's private key is in it.
    credentials BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT acme_accounts_pkey PRIMARY KEY (directory)
) STRICT;

-- What is shown to an authority while it looks. Any replica may be the one that it comes to.
CREATE TABLE acme_proofs (
    method TEXT NOT NULL,
    identifier TEXT NOT NULL,
    token TEXT NOT NULL,
    -- Anybody may read it: it is of use to nobody but the holder of the account.
    key_authorization TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT acme_proofs_pkey PRIMARY KEY (method, identifier, token)
) STRICT;
