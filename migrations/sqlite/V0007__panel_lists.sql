-- What a panel shows at a glance: traffic by day of the whole service, nodes' rates, and the orders of long lists.
-- Its twin for PostgreSQL differs in type names.

-- Bytes of a day by network and node. They stay when devices are purged, and are few however many devices there are.
CREATE TABLE usage_node_daily (
    day INTEGER NOT NULL,
    network_id TEXT NOT NULL,
    -- Empty for what was counted before nodes were told apart.
    node_id TEXT NOT NULL,
    rx_bytes INTEGER NOT NULL,
    tx_bytes INTEGER NOT NULL,
    CONSTRAINT usage_node_daily_pkey PRIMARY KEY (day, network_id, node_id)
) STRICT;
INSERT INTO usage_node_daily (day, network_id, node_id, rx_bytes, tx_bytes)
    SELECT u.day, d.network_id, '', CAST(SUM(u.rx_bytes) AS BIGINT), CAST(SUM(u.tx_bytes) AS BIGINT)
    FROM usage_daily AS u JOIN devices AS d ON d.id = u.device_id GROUP BY u.day, d.network_id;

-- What passed between a node's last two reports.
ALTER TABLE nodes ADD COLUMN rx_bytes_per_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN tx_bytes_per_s INTEGER NOT NULL DEFAULT 0;

-- Lists by the time things end, where what never ends comes last: the number is the largest that every reader holds.
CREATE INDEX devices_end_idx ON devices ((COALESCE(expires_at, 9007199254740991)), id);
CREATE INDEX users_end_idx ON users ((COALESCE(expires_at, 9007199254740991)), id);
CREATE INDEX jobs_created_idx ON jobs (created_at, id);
