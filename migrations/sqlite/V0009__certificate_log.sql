-- What was done to get a certificate, step by step.
-- Its twin for PostgreSQL differs in type names.

CREATE TABLE certificate_log (
    -- What the certificate is for. The lines go with it.
    name TEXT NOT NULL,
    -- Counts the lines of the name; the last hundred are kept.
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- A name, an address, an authority's host.
    about TEXT NOT NULL,
    detail TEXT,
    -- The time that the step speaks of: the end of a certificate, its renewal, the next attempt.
    then_at INTEGER,
    CONSTRAINT certificate_log_pkey PRIMARY KEY (name, position),
    CONSTRAINT certificate_log_name_fkey FOREIGN KEY (name) REFERENCES certificates (name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What is new is looked for each second while somebody listens.
CREATE INDEX certificate_log_at_idx ON certificate_log (at);
