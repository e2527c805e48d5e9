//! Reads ids and names from a request's path. A text that names nothing is not found, whatever it looks like.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Ref, Required};
use utoipa::{IntoParams, ToSchema};

use crate::api::problem::Problem;

/// The id in a path, `{id}`.
#[derive(Debug)]
pub struct Id<T>(pub T);

/// The two ids of a path, `{id}` and `{node_network_id}`.
#[derive(Debug)]
pub struct Ids<A, B>(pub A, pub B);

/// The name in a path, `{name}`, of a thing that has no other.
#[derive(Debug)]
pub struct Name<T>(pub T);

/// The name of a path's second id.
const INNER: &str = "node_network_id";

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        named(&params, "id").map(Self)
    }
}

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Name<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        named(&params, "name").map(Self)
    }
}

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(Self(named(&params, "id")?, named(&params, INNER)?))
    }
}

fn named<T: FromStr>(params: &RawPathParams, name: &str) -> Result<T, Problem> {
    let text = params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    text.parse().map_err(|_| Problem::not_found())
}

impl<T: ToSchema> IntoParams for Id<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameter::<T>("id")]
    }
}

impl<T: ToSchema> IntoParams for Name<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameter::<T>("name")]
    }
}

impl<A: ToSchema, B: ToSchema> IntoParams for Ids<A, B> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![parameter::<A>("id"), parameter::<B>(INNER)]
    }
}

fn parameter<T: ToSchema>(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("Names the thing; one that does not exist, or is not yours to see, is 404."))
        .schema(Some(Ref::from_schema_name(T::name())))
        .build()
}
