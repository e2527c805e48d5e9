//! Reads query parameters into a typed request, or says which parameter is at fault.
//!
//! Invariant: an unknown parameter and one that is there twice are refused, never ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde::de::value::{Error as ValueError, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};

use crate::api::problem::{FieldFault, Problem};

/// A request's query parameters.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or("")).map(Self)
    }
}

/// A typed request from the text behind the question mark.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut pairs = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if pairs.insert(name.clone(), Text(value)).is_some() {
            return Err(Problem::invalid(FieldFault::parameter(name, "is there twice")));
        }
    }
    let pairs = MapDeserializer::new(pairs.iter().map(|(name, value)| (name.as_ref(), value)));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let name = error.path().to_string();
        let text = error.into_inner().to_string();
        let detail = text.replacen("unknown field", "is not known here: unknown parameter", 1);
        Problem::invalid(FieldFault::parameter(name, detail))
    })
}

/// Undoes percent encoding, and `+` for a blank as forms write it.
fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte.unwrap_or(b'-')).to_digit(16);
                match (digit(rest.next()), digit(rest.next())) {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                    _ => return Err(malformed("a % is not followed by two hexadecimal digits")),
                }
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| malformed("a value is not UTF-8"))
}

fn malformed(what: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_query", format!("the query cannot be read: {what}"))
}

/// A parameter's text, which becomes what its type asks for.
struct Text<'a>(Cow<'a, str>);

impl<'de> IntoDeserializer<'de, ValueError> for &'de Text<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            match self.0.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(ValueError::invalid_value(Unexpected::Str(&self.0), &"a whole number in its range")),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Text<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_str(&self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0.as_ref() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(ValueError::invalid_value(Unexpected::Str(other), &"`true` or `false`")),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i64 visit_i64 i64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_enum(self.0.as_ref().into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::api::problem::{FieldFault, Problem};
    use crate::domain::access::Role;
    use crate::domain::name::SearchText;
    use crate::domain::page::Limit;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        q: Option<SearchText>,
        limit: Option<Limit>,
        role: Option<Role>,
        deleted: Option<bool>,
    }

    fn refused(query: &str) -> Problem {
        parse::<Sample>(query).unwrap_err()
    }

    #[test]
    fn parameters_become_their_types() {
        let found: Sample = parse("q=a%C3%A4+b&limit=7&role=owner&deleted=true").unwrap();

        assert_eq!(
            found,
            Sample {
                q: Some("aä b".parse().unwrap()),
                limit: Some(Limit::try_from(7).unwrap()),
                role: Some(Role::Owner),
                deleted: Some(true),
            }
        );
    }

    #[test]
    fn a_fault_names_its_parameter() {
        let name = |query| format!("{:?}", refused(query).faults());

        for (query, parameter) in [
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("role=king", "role"),
            ("deleted=1", "deleted"),
            ("other=1", "other"),
            ("q=%00", "q"),
        ] {
            assert!(name(query).contains(&format!("parameter: Some(\"{parameter}\")")), "{}", name(query));
        }
        assert_eq!(
            refused("limit=201").faults(),
            [FieldFault::parameter("limit", "a page has 1 to 200 rows")]
        );
    }

    #[test]
    fn a_parameter_twice_is_refused_however_it_is_written() {
        assert_eq!(refused("q=a&%71=b").faults(), [FieldFault::parameter("q", "is there twice")]);
    }

    #[test]
    fn what_is_no_query_is_malformed() {
        for query in ["q=%zz", "q=%f", "q=%", "q=%ff", "%ff=1", "q=%+1"] {
            assert_eq!(refused(query).code(), "malformed_query", "{query}");
        }
    }
}
