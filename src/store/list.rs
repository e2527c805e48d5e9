//! Lists by key: filters, a sort column from a fixed set, and the row after which to go on.
//!
//! Invariant: callers' texts become parameters; only words of this program become SQL.

use crate::domain::name::fold;
use crate::domain::page::{Cursor, Order, Page, PageRequest, SortKey};
use crate::store::backend::Conn;
use crate::store::error::{ErrorKind, StoreError};
use crate::store::value::{Bind, FromRow, Kind, Row, Value};

/// The columns a list can be sorted by. None of them may hold NULL, which the databases order differently.
pub trait Sort: Copy {
    /// The column and its kind.
    fn column(self) -> (&'static str, Kind);

    /// Whether it is looked up elsewhere for each row, so that no index has the order. Then ids are put in order first, and
    /// only the page's own rows are read whole.
    fn is_looked_up(self) -> bool {
        false
    }
}

/// When things end, where what never ends comes after everything else; `devices` and `users` have an index of it.
pub(super) const NEVER_ENDS_LAST: &str = "COALESCE(expires_at, 9007199254740991)";

/// A SELECT in the making.
pub(super) struct Select {
    table: &'static str,
    conditions: Vec<String>,
    params: Vec<Value>,
}

impl Select {
    /// Selects whole rows of a table.
    pub(super) fn from(table: &'static str) -> Self {
        Self { table, conditions: Vec::new(), params: Vec::new() }
    }

    /// Adds a condition in which `{}` stands for the value.
    pub(super) fn and(&mut self, condition: &str, value: impl Bind) {
        self.params.push(value.bind());
        self.conditions.push(condition.replace("{}", &format!("?{}", self.params.len())));
    }

    /// Adds a condition for a value if there is one.
    pub(super) fn and_if(&mut self, condition: &str, value: Option<impl Bind>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }

    /// Adds a condition without a value.
    pub(super) fn and_plain(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// Wants every word of the text in the searchable column.
    fn search(&mut self, text: &str) {
        for word in fold(text).split_whitespace() {
            let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            self.and("search LIKE {} ESCAPE '\\'", format!("%{escaped}%"));
        }
    }

    /// Reads one page.
    pub(super) async fn page<T: FromRow, S: Sort>(
        mut self,
        conn: &mut Conn,
        request: &PageRequest<S>,
    ) -> Result<Page<T>, StoreError> {
        let (column, kind) = request.sort.column();
        if let Some(text) = &request.search {
            self.search(text.as_str());
        }
        let (beyond, direction) = match request.order {
            Order::Asc => (">", "ASC"),
            Order::Desc => ("<", "DESC"),
        };
        if let Some(cursor) = &request.after {
            let key = key_value(&cursor.key, kind)?;
            self.params.push(key);
            self.params.push(cursor.id.hyphenated().to_string().bind());
            let at = self.params.len();
            self.conditions.push(format!("({column}, id) {beyond} (?{}, ?{at})", at - 1));
        }
        let limit = request.limit.rows();
        self.params.push((limit + 1).bind());
        let (table, last) = (self.table, self.params.len());
        let conditions =
            if self.conditions.is_empty() { "1 = 1".to_owned() } else { self.conditions.join(" AND ") };
        let ordered = format!("ORDER BY {column} {direction}, id {direction}");
        let found = format!("{conditions} {ordered} LIMIT ?{last}");
        let found = if request.sort.is_looked_up() {
            format!("id IN (SELECT id FROM {table} WHERE {found}) {ordered}")
        } else {
            found
        };
        let sql = format!("SELECT {table}.*, {column} AS page_key FROM {table} WHERE {found}");
        let rows: Vec<Row> = conn.query(&sql, &self.params).await?;
        page_of(rows, usize::try_from(limit).unwrap_or(usize::MAX), kind)
    }
}

fn key_value(key: &SortKey, kind: Kind) -> Result<Value, StoreError> {
    match (key, kind) {
        (SortKey::Text(text), Kind::Text) => Ok(text.as_str().bind()),
        (SortKey::Int(number), Kind::Int) => Ok(Value::Int(*number)),
        (SortKey::Text(_), Kind::Int | Kind::Blob | Kind::Bool)
        | (SortKey::Int(_), Kind::Text | Kind::Blob | Kind::Bool) => {
            Err(StoreError::new(ErrorKind::BadCursor))
        }
    }
}

/// One row more than the page was read: if it is there, the page has a next one.
fn page_of<T: FromRow>(mut rows: Vec<Row>, limit: usize, kind: Kind) -> Result<Page<T>, StoreError> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last() {
        Some(last) if more => {
            let key = match kind {
                Kind::Int | Kind::Bool => SortKey::Int(last.peek("page_key")?),
                Kind::Text | Kind::Blob => SortKey::Text(last.peek("page_key")?),
            };
            let id: String = last.peek("id")?;
            let id = id.parse().map_err(|_| StoreError::new(ErrorKind::Unreadable))?;
            Some(Cursor { key, id })
        }
        Some(_) | None => None,
    };
    let items: Result<Vec<T>, StoreError> = rows.iter_mut().map(T::from_row).collect();
    Ok(Page { items: items?, next })
}

/// `(?1, ?2), (?3, ?4)`: as many groups of placeholders as there are rows.
pub(super) fn groups(rows: usize, width: usize, first: usize) -> String {
    let group = |row: usize| {
        let places: Vec<String> =
            (0..width).map(|column| format!("?{}", first + row * width + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(group).collect::<Vec<_>>().join(", ")
}

/// `?1, ?2, ?3`: placeholders for the members of an IN list.
pub(super) fn members(count: usize, first: usize) -> String {
    (0..count).map(|index| format!("?{}", first + index)).collect::<Vec<_>>().join(", ")
}

/// Answers why an update with an expected revision touched nothing.
pub(super) async fn stale_or_missing(
    conn: &mut Conn,
    table: &str,
    id: Value,
) -> Result<StoreError, StoreError> {
    let found: Option<i64> = conn
        .find(&format!("SELECT revision FROM {table} WHERE id = ?1 AND deleted_at IS NULL"), &[id])
        .await?;
    Ok(StoreError::new(if found.is_some() { ErrorKind::Stale } else { ErrorKind::NotFound }))
}
