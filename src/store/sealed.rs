//! Where the database holds sealed values, and how they are sealed anew.
//!
//! Invariant: every column and every row that a master key seals is listed here; a test looks for others.

use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{FromRow, Row, params};

/// A column of sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// The column whose value a sealed one is bound to.
    pub row: &'static str,
}

/// Every column of sealed values.
pub const COLUMNS: [SealedColumn; 11] = [
    SealedColumn { table: "devices", column: "private_key", row: "id" },
    SealedColumn { table: "devices", column: "preshared_key", row: "id" },
    SealedColumn { table: "node_networks", column: "private_key", row: "id" },
    SealedColumn { table: "totp_secrets", column: "secret", row: "user_id" },
    SealedColumn { table: "identity_providers", column: "secret", row: "id" },
    SealedColumn { table: "webhooks", column: "secret", row: "id" },
    SealedColumn { table: "sessions", column: "successor", row: "id" },
    SealedColumn { table: "jobs", column: "payload", row: "id" },
    SealedColumn { table: "certificates", column: "private_key", row: "name" },
    SealedColumn { table: "certificates", column: "order_key", row: "name" },
    SealedColumn { table: "acme_accounts", column: "credentials", row: "directory" },
];

/// The start of the keys under which settings hold a sealed value, in base64.
pub const SETTING_PREFIX: &str = "sealed.";

/// A sealed value, and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The row.
    pub row: String,
    /// The value.
    pub sealed: Vec<u8>,
}

impl SealedColumn {
    /// Values that another key than this one has sealed, in the order of their rows, behind one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn of_other_keys(
        &self,
        on: &mut Conn,
        key: &[u8],
        after: &str,
        limit: u32,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let Self { table, column, row } = self;
        let other = self.other();
        let sql = format!(
            "SELECT {row} AS place, {column} AS sealed FROM {table} WHERE {row} > ?2 AND {other} ORDER BY {row} LIMIT ?3"
        );
        on.query(&sql, params![key, after, limit]).await
    }

    /// How many values another key than this one has sealed.
    ///
    /// # Errors
    /// The store's.
    pub async fn count_other_keys(&self, on: &mut Conn, key: &[u8]) -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {}", self.table, self.other());
        on.one(&sql, params![key]).await
    }

    /// Puts a value into the place of the one it was made from; false when that has changed since.
    ///
    /// # Errors
    /// The store's.
    pub async fn replace(&self, tx: &mut Tx, old: &SealedValue, new: &[u8]) -> Result<bool, StoreError> {
        let Self { table, column, row } = self;
        let sql = format!("UPDATE {table} SET {column} = ?3 WHERE {row} = ?1 AND {column} = ?2");
        Ok(tx.execute(&sql, params![old.row.as_str(), old.sealed.as_slice(), new]).await? > 0)
    }

    /// The id of the key is the second to ninth byte of each value. An ended job has nothing left to open.
    fn other(&self) -> String {
        let column = self.column;
        format!("{column} IS NOT NULL AND length({column}) > 0 AND substr({column}, 2, 8) <> ?1")
    }
}

/// The keys of the settings that hold a sealed value.
///
/// # Errors
/// The store's.
pub async fn settings_keys(on: &mut Conn) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT key FROM settings WHERE substr(key, 1, 7) = ?1 ORDER BY key";
    on.query(SQL, params![SETTING_PREFIX]).await
}

impl FromRow for SealedValue {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { row: row.take("place")?, sealed: row.take("sealed")? })
    }
}
