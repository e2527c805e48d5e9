//! Reads which page of a list is wanted, and writes the page.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::problem::{FieldFault, Problem};
use crate::domain::name::SearchText;
use crate::domain::page::{Cursor, Limit, Order, PageRequest, SortKey};

/// The columns a list may be sorted by.
pub trait Column: Copy + Send + 'static {
    /// Each with its name and what its values are. The first is the order of a list that nobody chose.
    const COLUMNS: &'static [(&'static str, Self, Values)];
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Texts; a list begins with the first in the alphabet.
    Texts,
    /// Times; a list begins with the newest.
    Times,
    /// Numbers; a list begins with the largest.
    Numbers,
}

/// A column with a direction: `name`, or `-name` for the other way round.
#[derive(Clone, Copy)]
pub struct Sort<S> {
    column: S,
    values: Values,
    order: Order,
}

impl<S: Column> Sort<S> {
    fn parse(text: &str) -> Option<Self> {
        let (name, order) = match text.strip_prefix('-') {
            Some(name) => (name, Order::Desc),
            None => (text, Order::Asc),
        };
        let (_, column, values) = S::COLUMNS.iter().find(|(known, ..)| *known == name)?;
        Some(Self { column: *column, values: *values, order })
    }

    fn usual() -> Option<Self> {
        let (_, column, values) = S::COLUMNS.first()?;
        let order = match values {
            Values::Texts => Order::Asc,
            Values::Times | Values::Numbers => Order::Desc,
        };
        Some(Self { column: *column, values: *values, order })
    }

    fn names() -> impl Iterator<Item = String> {
        S::COLUMNS.iter().flat_map(|(name, ..)| [(*name).to_owned(), format!("-{name}")])
    }
}

impl<S> fmt::Debug for Sort<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sort").field("order", &self.order).finish_non_exhaustive()
    }
}

impl<'de, S: Column> Deserialize<'de> for Sort<S> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            let names: Vec<_> = Self::names().collect();
            D::Error::custom(format!("is not a way to sort this list; choose one of {}", names.join(", ")))
        })
    }
}

impl<S: Column> PartialSchema for Sort<S> {
    fn schema() -> RefOr<Schema> {
        let example = Self::names().next();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::names()))
            .examples(example)
            .description(Some(
                "The column to sort by; a minus turns the order round. Equal rows follow their ids.",
            ))
            .into()
    }
}

impl<S: Column> ToSchema for Sort<S> {}

/// What every list is asked with.
#[derive(Debug)]
pub struct Asked<S> {
    /// Rows wanted.
    pub limit: Option<Limit>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// The order.
    pub sort: Option<Sort<S>>,
    /// Words to look for.
    pub q: Option<SearchText>,
    /// Which list it is.
    pub list: PhantomData<S>,
}

impl<S: Column> Asked<S> {
    /// The page, in the list's own terms.
    pub fn request(self) -> Result<PageRequest<S>, Problem> {
        let sort = self.sort.or_else(Sort::usual).ok_or_else(|| wrong("sort", "this list has no order"))?;
        let fits = |cursor: &Cursor| match (&cursor.key, sort.values) {
            (SortKey::Text(_), Values::Texts) | (SortKey::Int(_), Values::Times | Values::Numbers) => true,
            (SortKey::Text(_), Values::Times | Values::Numbers) | (SortKey::Int(_), Values::Texts) => false,
        };
        if self.after.as_ref().is_some_and(|cursor| !fits(cursor)) {
            return Err(wrong(
                "after",
                "is a cursor of another order; keep `sort` as it was on the page before",
            ));
        }
        Ok(PageRequest {
            limit: self.limit.unwrap_or(Limit::DEFAULT),
            sort: sort.column,
            order: sort.order,
            after: self.after,
            search: self.q,
        })
    }
}

fn wrong(parameter: &str, detail: &str) -> Problem {
    Problem::invalid(FieldFault::parameter(parameter, detail))
}

/// The query of a list: the four parameters of every list, and filters of its own.
macro_rules! list_query {
    ($(#[$doc:meta])* $name:ident by $order:ident of $sort:ty { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        /// The orders of this list. utoipa takes a type with parameters for a composed schema.
        type $order = crate::api::page::Sort<$sort>;

        $(#[$doc])*
        #[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Rows wanted.
            #[param(inline, nullable = false)]
            limit: Option<crate::domain::page::Limit>,
            /// `next` of the page before.
            #[param(inline, nullable = false)]
            after: Option<crate::domain::page::Cursor>,
            /// The order of the rows.
            #[param(inline, nullable = false)]
            sort: Option<$order>,
            /// Text that a row must contain.
            #[param(inline, nullable = false)]
            q: Option<crate::domain::name::SearchText>,
            $($(#[$field_doc])* #[param(inline, nullable = false)] $field: Option<$type>,)*
        }

        impl $name {
            /// The page that is asked for.
            fn page(&self) -> Result<crate::domain::page::PageRequest<$sort>, crate::api::problem::Problem> {
                let (limit, after, sort, q) = (self.limit, self.after.clone(), self.sort, self.q.clone());
                crate::api::page::Asked { limit, after, sort, q, list: std::marker::PhantomData }.request()
            }
        }
    };
}

pub(crate) use list_query;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro makes a query for a reachable module")]
mod tests {
    use super::{Column, Values};
    use crate::api::problem::Problem;
    use crate::api::query;
    use crate::domain::page::{Cursor, Order, PageRequest, SortKey};
    use uuid::Uuid;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum By {
        Made,
        Name,
    }

    impl Column for By {
        const COLUMNS: &'static [(&'static str, Self, Values)] =
            &[("created_at", Self::Made, Values::Times), ("name", Self::Name, Values::Texts)];
    }

    list_query! {
        /// A list.
        ListSamples by SampleOrder of By {}
    }

    fn page(text: &str) -> Result<PageRequest<By>, Problem> {
        query::parse::<ListSamples>(text)?.page()
    }

    #[test]
    fn a_list_has_an_order_of_its_own_and_takes_others() {
        let usual = page("").unwrap();
        let other = page("sort=-name&limit=2").unwrap();

        assert_eq!((usual.sort, usual.order, usual.limit.rows()), (By::Made, Order::Desc, 50));
        assert_eq!((other.sort, other.order, other.limit.rows()), (By::Name, Order::Desc, 2));
    }

    #[test]
    fn an_unknown_order_is_refused_with_those_there_are() {
        let found = format!("{:?}", page("sort=id").unwrap_err().faults());

        assert!(found.contains("created_at, -created_at, name, -name"), "{found}");
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let cursor = Cursor { key: SortKey::Text("a".to_owned()), id: Uuid::from_u128(1) };

        assert!(page(&format!("sort=name&after={cursor}")).is_ok());
        assert_eq!(page(&format!("after={cursor}")).unwrap_err().code(), "invalid");
        assert_eq!(page("after=!").unwrap_err().code(), "invalid");
    }
}
