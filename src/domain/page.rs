//! Pages of a list: by key, never by offset, so that rows which come and go shift nothing.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::name::SearchText;
use crate::domain::text::serde_text;

/// Rows a page has at most.
pub const MAX_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// Which page of which order. `S` is the list's own set of sort columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<S> {
    /// Rows wanted, 1 to 200.
    pub limit: Limit,
    /// The column to sort by; rows of equal value follow their id.
    pub sort: S,
    /// The direction.
    pub order: Order,
    /// The end of the page before.
    pub after: Option<Cursor>,
    /// Words that a row's searchable text must contain.
    pub search: Option<SearchText>,
}

/// Rows of a page, 1 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Limit(u32);

impl Limit {
    /// What a caller gets who does not say.
    pub const DEFAULT: Self = Self(50);
    /// The longest page.
    pub const MOST: Self = Self(MAX_LIMIT);

    /// The number of rows.
    pub const fn rows(self) -> u32 {
        self.0
    }
}

/// Not 1 to 200.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a page has 1 to 200 rows")]
pub struct LimitError;

impl TryFrom<u32> for Limit {
    type Error = LimitError;

    fn try_from(rows: u32) -> Result<Self, LimitError> {
        if (1..=MAX_LIMIT).contains(&rows) { Ok(Self(rows)) } else { Err(LimitError) }
    }
}

impl From<Limit> for u32 {
    fn from(limit: Limit) -> Self {
        limit.0
    }
}

/// The direction of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Smallest first.
    #[default]
    Asc,
    /// Largest first.
    Desc,
}

/// The last row of a page: its sort value and its id. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The value of the sort column.
    pub key: SortKey,
    /// The row.
    pub id: Uuid,
}

/// A value that rows are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// A text.
    #[serde(rename = "t")]
    Text(String),
    /// A number or a time.
    #[serde(rename = "i")]
    Int(i64),
}

/// A text that no page ended with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this list; take it from `next` of the page before, or leave it out")]
pub struct CursorError;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_vec(&(&self.key, self.id)).map_err(|_| std::fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() > 1024 {
            return Err(CursorError);
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (key, id) = serde_json::from_slice(&json).map_err(|_| CursorError)?;
        // PostgreSQL takes no NUL in a text, and no row ever had one.
        match &key {
            SortKey::Text(text) if text.contains('\0') => Err(CursorError),
            SortKey::Text(_) | SortKey::Int(_) => Ok(Self { key, id }),
        }
    }
}

serde_text!(Cursor);

#[cfg(test)]
mod tests {
    use super::{Cursor, CursorError, SortKey};
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(key in "[^\0]*", id in any::<u128>()) {
            let cursor = Cursor { key: SortKey::Text(key), id: Uuid::from_u128(id) };
            let text = cursor.to_string();

            prop_assume!(text.len() <= 1024);
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let found = text.parse::<Cursor>();

            prop_assert!(found.is_ok() || found == Err(CursorError));
        }
    }
}
