//! Live events over HTTP, as a stream that browsers read by themselves (Server-Sent Events of the HTML standard, §9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::query::Query;
use crate::api::reply::Answer;
use crate::api::v1::overview::OverviewView;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::events::{Listener, Told};
use crate::domain::id::DeviceId;
use crate::domain::live::{ChangedThing, DeviceMove, Topic, Topics};
use crate::domain::time::Timestamp;

/// The routes of live events.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// What a listener wants to be told.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Which events come, with commas between; all that the caller may have where it is left out.
    #[param(inline, nullable = false)]
    topics: Option<Topics>,
}

/// A device that has moved something, come or gone: one of those in an event `device`.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceMoveView {
    /// Names the device.
    id: DeviceId,
    /// Whether it shook hands within three minutes.
    online: bool,
    /// Bytes received from it so far.
    #[schema(minimum = 0, example = 1_048_576)]
    rx_bytes: u64,
    /// Bytes sent to it so far.
    #[schema(minimum = 0, example = 8_388_608)]
    tx_bytes: u64,
    /// Bytes received from it each second, between its last two reports.
    #[schema(minimum = 0, example = 65_536)]
    rx_bytes_per_s: u64,
    /// Bytes sent to it each second, between its last two reports.
    #[schema(minimum = 0, example = 524_288)]
    tx_bytes_per_s: u64,
    /// When it last shook hands.
    last_handshake_at: Option<Timestamp>,
}

impl From<&DeviceMove> for DeviceMoveView {
    fn from(it: &DeviceMove) -> Self {
        Self {
            id: it.device,
            online: it.online,
            rx_bytes: it.traffic.rx_bytes,
            tx_bytes: it.traffic.tx_bytes,
            rx_bytes_per_s: it.rate.rx_bytes_per_s,
            tx_bytes_per_s: it.rate.tx_bytes_per_s,
            last_handshake_at: it.last_handshake_at,
        }
    }
}

/// A thing that an act has changed: an event `changed`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedView {
    /// The kind of thing: `user`, `device`, `network`, `settings` …
    #[schema(max_length = 64, example = "device")]
    kind: String,
    /// Its id, or its name where it has no id.
    #[schema(max_length = 300, example = "01983f6e-7b3a-7c00-8000-000000000000")]
    id: String,
}

impl From<&ChangedThing> for ChangedView {
    fn from(it: &ChangedThing) -> Self {
        Self { kind: it.kind.clone(), id: it.id.clone() }
    }
}

/// Be told at once of what happens.
///
/// A stream of Server-Sent Events. `overview` holds what `GET /overview` answers, at once and then whenever a figure has
/// changed, every two seconds at most. `device` holds a list of `DeviceMoveView`: those that moved something, came or went.
/// `changed` holds a `ChangedView`: what an act has changed is to be read again. Each only as far as the caller may see it; a
/// member hears of the own things and gets no `overview`. A comment comes every 15 s. The stream ends when the session does,
/// when the password or the role changes, when the address may not come in any more, when the reader does not keep up, and after an hour: connect again, and read again what is shown.
#[utoipa::path(get, path = "/events", operation_id = "event_listen", tag = "system", params(EventQuery),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = String,
        example = "event: changed\ndata: {\"kind\":\"device\",\"id\":\"01983f6e-7b3a-7c00-8000-000000000000\"}\n\n")))]
async fn listen(State(app): State<App>, ctx: Ctx, Query(query): Query<EventQuery>) -> Answer<Response> {
    let listener = app.events().listen(&ctx, query.topics.unwrap_or(Topics::ALL)).await?;
    let alive = KeepAlive::new().interval(PING_EVERY).text("ping");
    let mut response = Sse::new(written(listener)).keep_alive(alive).into_response();
    // nginx and what behaves like it hold answers back until they have a buffer full.
    response.headers_mut().insert(NOT_BUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

const NOT_BUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Whatever stands between keeps a connection on which something comes this often.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How long a browser waits before it connects again.
const COME_BACK_AFTER: Duration = Duration::from_secs(3);

fn written(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    let first = stream::iter([Event::default().retry(COME_BACK_AFTER)]);
    let told = stream::unfold((listener, Shown::default()), async |(mut listener, mut shown)| {
        let told = listener.next().await?;
        Some((stream::iter(events(&told, &mut shown)), (listener, shown)))
    });
    first.chain(told.flatten()).map(Ok)
}

/// The overview that was sent last, as it was sent: much of what it is made of changes all the time and is not in it.
#[derive(Default)]
struct Shown(String);

fn events(told: &Told, shown: &mut Shown) -> Vec<Event> {
    match told {
        Told::Overview(state) => overview(&OverviewView::from(&**state), shown).into_iter().collect(),
        Told::Devices(moved) => {
            event(Topic::Device, &moved.iter().map(DeviceMoveView::from).collect::<Vec<_>>())
        }
        Told::Changed(things) => {
            things.iter().flat_map(|it| event(Topic::Changed, &ChangedView::from(it))).collect()
        }
    }
}

fn overview(view: &OverviewView, shown: &mut Shown) -> Option<Event> {
    let text = serde_json::to_string(view).ok().filter(|text| *text != shown.0)?;
    let event = Event::default().event(Topic::Overview.as_str()).data(&text);
    shown.0 = text;
    Some(event)
}

/// These types have a JSON form without line ends, which is all that an event's data wants.
fn event(topic: Topic, content: &impl Serialize) -> Vec<Event> {
    Event::default().event(topic.as_str()).json_data(content).into_iter().collect()
}
