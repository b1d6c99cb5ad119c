//! Envoy's external processing (`envoy.service.ext_proc.v3.ExternalProcessor`): a proxy sends the bodies of requests and
//! responses, and receives them redacted or re-identified. Each text becomes a request to the routed function.
//! Used by the stack of layers. Does not know how entities are found.

mod body_stream;
mod direction;
mod filter;
mod function_client;
mod messages;
mod refusal;
mod texts;

use futures::stream;
use http::{Request, Response, StatusCode};
use tonic::codec::Streaming;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use wasmtime_wasi_http::WasiBody;

use self::filter::Filter;
use self::function_client::FunctionClient;
use self::messages::{ProcessingRequest, ProcessingResponse};
use super::grpc::is_grpc;
use super::middleware::{Middleware, Next};
use crate::deploy::SessionPlace;
use crate::request::{Body, grpc};
use crate::routing::Routed;

/// Longest message in bytes: a part of a body, or the whole.
const LONGEST_MESSAGE: usize = 64 << 20;

/// Answers calls of the service, and leaves other requests to the layers below.
#[derive(Clone)]
pub(in crate::http) struct ExternalProcessing;

impl Middleware for ExternalProcessing {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        if !grpc::is_stream(request.uri().path()) || !is_grpc(request.headers()) {
            return next.run(request).await;
        }
        let Some(routed) = request.extensions().get::<Routed>().cloned() else {
            return next.run(request).await;
        };
        let Ok((_, place)) = routed.version.begin_stream() else {
            return grpc::refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many sessions; try again later",
            );
        };
        let reidentifies =
            routed.deidentification.as_ref().is_some_and(|section| section.reidentifies());
        let client = FunctionClient::new(&request, next, routed.version.body_limit());
        match Filter::new(request.headers(), client, reidentifies) {
            Ok(filter) => answer(request, filter, place).await,
            Err(error) => grpc::refuse(StatusCode::BAD_REQUEST, &error),
        }
    }
}

/// Answers the messages of a call one by one.
async fn answer<N: Next>(
    request: Request<WasiBody>,
    filter: Filter<N>,
    place: SessionPlace,
) -> Response<Body> {
    let mut call = Some((filter, place));
    let service =
        tower::service_fn(move |request: tonic::Request<Streaming<ProcessingRequest>>| {
            let call = call.take().map(|(filter, place)| (request.into_inner(), filter, place));
            let responses = stream::unfold(call, |call| async move {
                let (mut messages, mut filter, place) = call?;
                match next_response(&mut messages, &mut filter).await? {
                    Ok(response) => Some((Ok(response), Some((messages, filter, place)))),
                    Err(status) => Some((Err(status), None)),
                }
            });
            async move { Ok::<_, Status>(tonic::Response::new(Box::pin(responses))) }
        });
    let codec = ProstCodec::<ProcessingResponse, ProcessingRequest>::default();
    let mut server =
        tonic::server::Grpc::new(codec).apply_max_message_size_config(Some(LONGEST_MESSAGE), None);
    server.streaming(service, request).await.map(Body::grpc)
}

/// The next response; `None` at the end of the call.
async fn next_response<N: Next>(
    messages: &mut Streaming<ProcessingRequest>,
    filter: &mut Filter<N>,
) -> Option<Result<ProcessingResponse, Status>> {
    loop {
        match messages.message().await {
            Ok(Some(message)) => {
                if let Some(response) = filter.answer(message).await {
                    return Some(response);
                }
            }
            // The proxy's request has been answered or has broken off.
            Ok(None) => return None,
            Err(status) if status.code() == Code::Cancelled => return None,
            Err(status) => return Some(Err(status)),
        }
    }
}
