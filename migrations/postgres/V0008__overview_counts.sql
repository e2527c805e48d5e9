-- What an overview counts, at the price of one walk over narrow rows.
-- Its twin for SQLite also keeps bytes by device in the table's own order.

-- Everything that tells a device's state but its bytes, beside its owner. None of it changes with a report but the first
-- handshake, once.
CREATE INDEX devices_state_idx ON devices
    (user_id, disabled, expires_at, duration_s, first_handshake_at, data_limit_bytes, deleted_at, id) WHERE deleted_at IS NULL;
