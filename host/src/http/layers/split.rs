use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode, header, response};
use http_body::Body as _;
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::split::{COUNTS, List, Part, Split as Declared, join};
use tokio::task::JoinSet;
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext, collect, whole};
use crate::routing::Routed;

/// Longest answer to a part, in bytes; all parts are kept until the last one is there.
const LONGEST_ANSWER: usize = 64 << 20;

/// Has instances on idle cores answer parts of a request with a list of texts at the same time. An
/// instance computes one text after the other; graphs that the host computes get them as a batch instead.
#[derive(Clone)]
pub(in crate::http) struct Split;

impl Middleware for Split {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let routed = request.extensions().get::<Routed>();
        let Some(version) = routed.map(|routed| routed.version.clone()) else {
            return next.run(request).await;
        };
        let splits = version.splits(request.method(), request.uri().path());
        if splits.is_empty() || version.idle_cores() < 2 {
            return next.run(request).await;
        }
        // A body of unknown length may have no end.
        let length = request.body().size_hint().exact();
        let fits = length.is_some_and(|length| length <= version.accepted_body());
        if !fits {
            return next.run(request).await;
        }
        let (head, body) = request.into_parts();
        let limit = usize::try_from(version.accepted_body()).unwrap_or(usize::MAX);
        let body = match collect(body, limit).await {
            Ok(body) => body,
            Err(error) => {
                RequestContext::of(&head).failed(ErrorKind::Malformed);
                return Body::refusal(StatusCode::BAD_REQUEST, "malformed", &error.to_string());
            }
        };
        let taken_apart = splits.into_iter().find_map(|split| {
            let list = List::read(split, &body)?;
            (list.len() <= version.max_texts()).then_some((split, list))
        });
        if let Some((split, list)) = taken_apart {
            let limit = list.limit();
            let parts = list.parts(split, version.idle_cores()).unwrap_or_default();
            if parts.len() > 1 {
                let answered = answered_in_parts(&head, parts, next.clone()).await;
                match answered.and_then(|answers| joined(split, limit, answers)) {
                    Ok(response) => return response,
                    Err(Unjoined::Failed(response)) => return *response,
                    Err(Unjoined::Refused) => {}
                }
            }
        }
        next.run(Request::from_parts(head, whole(body))).await
    }
}

/// Why there is no answer of the parts' answers.
enum Unjoined {
    /// The function failed; that is the response.
    Failed(Box<Response<Body>>),
    /// The request, or a part of it, is to be refused: in the words of the whole request.
    Refused,
}

/// The answer to a part.
struct Answer {
    /// Which text is its first.
    first: usize,
    head: response::Parts,
    body: Bytes,
}

/// The answers, in the order in which they came.
async fn answered_in_parts<N: Next>(
    head: &Parts,
    parts: Vec<Part>,
    next: N,
) -> Result<Vec<Answer>, Unjoined> {
    let context = RequestContext::of(head);
    let mut tasks = JoinSet::new();
    for part in parts {
        let first = part.texts.start;
        let response = next.clone().run(request(head, part.body));
        tasks.spawn(async move { read(first, response.await).await }.instrument(context.span()));
    }
    let mut answers = Vec::new();
    // Parts that are not wanted any more end with the set, as all of them do when the client goes away.
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer.map_err(|_| failed())??);
    }
    Ok(answers)
}

fn request(head: &Parts, body: Vec<u8>) -> Request<WasiBody> {
    let mut head = head.clone();
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Request::from_parts(head, whole(body.into()))
}

async fn read(first: usize, response: Response<Body>) -> Result<Answer, Unjoined> {
    let status = response.status();
    if status.is_server_error() {
        return Err(Unjoined::Failed(Box::new(response)));
    }
    if status != StatusCode::OK {
        return Err(Unjoined::Refused);
    }
    let (head, body) = response.into_parts();
    let body = collect(body, LONGEST_ANSWER).await.map_err(|_| failed())?;
    Ok(Answer { first, head, body })
}

fn failed() -> Unjoined {
    let error = "the function failed; the server's log has the reason";
    let response = Body::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", error);
    Unjoined::Failed(Box::new(response))
}

/// One answer, with the head of the part that took longest, whose times are those of the request.
fn joined(
    split: &Declared,
    limit: Option<usize>,
    mut answers: Vec<Answer>,
) -> Result<Response<Body>, Unjoined> {
    let counts = COUNTS.map(|count| (count.name, count.whole(&answers, counted)));
    let last = answers.last().ok_or(Unjoined::Refused)?;
    let mut response = Response::new(());
    *response.headers_mut() = last.head.headers.clone();
    answers.sort_by_key(|answer| answer.first);
    let parts: Vec<_> = answers.iter().map(|answer| (answer.first, &*answer.body)).collect();
    let body = join(split, limit, &parts).ok_or(Unjoined::Refused)?;
    let headers = response.headers_mut();
    for (name, count) in counts {
        if let Some(count) = count {
            headers.insert(name, count.into());
        }
    }
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    Ok(response.map(|()| Body::full(body)))
}

/// What a header of an answer counts.
fn counted(answer: &&Answer, name: &str) -> Option<u64> {
    answer.head.headers.get(name)?.to_str().ok()?.parse().ok()
}
