//! What passes the proxy during one call: a request and its response.

use http::HeaderMap;
use tonic::Status;

use super::direction::Direction;
use super::function_client::{Change, FunctionClient};
use super::messages::{
    BUFFERED, BodyMutation, CommonResponse, FULL_DUPLEX_STREAMED, HeaderMutation, HttpBody,
    HttpHeaders, HttpTrailers, Mutation, PartResponse, Phase, ProcessingRequest,
    ProcessingResponse, Reply, StreamedBodyResponse,
};
use super::refusal::Refusal;
use crate::http::middleware::Next;

/// Metadata of the call that says what is done to requests and to responses.
const OF_REQUESTS: &str = "x-pilotlight-request";
const OF_RESPONSES: &str = "x-pilotlight-response";
/// What upstreams must not do, or the response could not be read.
const ACCEPT_ENCODING: &str = "accept-encoding";
const CONTENT_LENGTH: &str = "content-length";

/// A call.
pub(super) struct Filter<N> {
    client: FunctionClient<N>,
    request: Direction,
    response: Direction,
    /// How the proxy sends the bodies of both.
    modes: [i32; 2],
}

impl<N: Next> Filter<N> {
    /// Without metadata requests are redacted, and responses are re-identified where values can be had back
    /// and redacted otherwise.
    ///
    /// # Errors
    /// What the metadata should be.
    pub(super) fn new(
        metadata: &HeaderMap,
        client: FunctionClient<N>,
        reidentifies: bool,
    ) -> Result<Self, String> {
        let of_responses = if reidentifies { Change::Reidentify } else { Change::Redact };
        Ok(Self {
            client,
            request: Direction::new(change(metadata, OF_REQUESTS, Change::Redact)?),
            response: Direction::new(change(metadata, OF_RESPONSES, of_responses)?),
            modes: [0, 0],
        })
    }

    /// Answers a message; `None` if it is not to be answered.
    pub(super) async fn answer(
        &mut self,
        message: ProcessingRequest,
    ) -> Option<Result<ProcessingResponse, Status>> {
        let ProcessingRequest { request, observability_mode, protocol_config } = message;
        if observability_mode {
            let error = "nothing can be changed in observability mode";
            return Some(Err(Status::failed_precondition(error)));
        }
        if let Some(config) = protocol_config {
            self.modes = [config.request_body_mode, config.response_body_mode];
        }
        let Some(phase) = request else {
            return Some(Err(Status::unimplemented("messages of this kind are not known")));
        };
        match self.reply(phase).await {
            Ok(reply) => reply.map(|reply| Ok(ProcessingResponse { response: Some(reply) })),
            Err(refusal) => Some(Ok(refusal.response())),
        }
    }

    async fn reply(&mut self, phase: Phase) -> Result<Option<Reply>, Refusal> {
        let Self { client, request, response, modes } = self;
        Ok(Some(match phase {
            Phase::RequestHeaders(headers) => {
                let removed = &[ACCEPT_ENCODING, CONTENT_LENGTH];
                Reply::RequestHeaders(begin((request, client), &headers, removed)?)
            }
            Phase::ResponseHeaders(headers) => {
                Reply::ResponseHeaders(begin((response, client), &headers, &[CONTENT_LENGTH])?)
            }
            Phase::RequestBody(part) => {
                let reply = body(request, client.clone(), (part, modes[0])).await?;
                return Ok(reply.map(Reply::RequestBody));
            }
            Phase::ResponseBody(part) => {
                let reply = body(response, client.clone(), (part, modes[1])).await?;
                return Ok(reply.map(Reply::ResponseBody));
            }
            Phase::RequestTrailers(_) => {
                request.end()?;
                Reply::RequestTrailers(HttpTrailers {})
            }
            Phase::ResponseTrailers(_) => {
                response.end()?;
                Reply::ResponseTrailers(HttpTrailers {})
            }
        }))
    }
}

/// Reads headers; those in `removed` do not pass with a body that is changed.
fn begin<N: Next>(
    (direction, client): (&mut Direction, &FunctionClient<N>),
    headers: &HttpHeaders,
    removed: &[&str],
) -> Result<PartResponse, Refusal> {
    direction.begin(headers, client)?;
    let mutation = direction.changes().then(|| HeaderMutation {
        set_headers: Vec::new(),
        remove_headers: removed.iter().map(|name| (*name).to_owned()).collect(),
    });
    Ok(part(CommonResponse { header_mutation: mutation, body_mutation: None }))
}

async fn body<N: Next>(
    direction: &mut Direction,
    client: FunctionClient<N>,
    (sent, mode): (HttpBody, i32),
) -> Result<Option<PartResponse>, Refusal> {
    // Trailers may follow a body that has come whole.
    let sent = HttpBody { end_of_stream: sent.end_of_stream || mode == BUFFERED, ..sent };
    let end_of_stream = sent.end_of_stream;
    let is_duplex = mode == FULL_DUPLEX_STREAMED;
    let as_sent = sent.body.clone();
    let changed = direction.body(sent, client).await?;
    let mutation = match (changed, is_duplex) {
        // In this mode the proxy keeps nothing that it could pass.
        (changed, true) => {
            let body = changed.unwrap_or_else(|| as_sent.to_vec());
            if body.is_empty() && !end_of_stream {
                return Ok(None);
            }
            Some(Mutation::Streamed(StreamedBodyResponse { body, end_of_stream }))
        }
        (None, false) => None,
        (Some(body), false) if body.is_empty() => Some(Mutation::ClearBody(true)),
        (Some(body), false) => Some(Mutation::Body(body)),
    };
    let body_mutation = mutation.map(|mutation| BodyMutation { mutation: Some(mutation) });
    Ok(Some(part(CommonResponse { header_mutation: None, body_mutation })))
}

fn part(response: CommonResponse) -> PartResponse {
    PartResponse { response: Some(response) }
}

/// What the metadata `name` asks for.
fn change(metadata: &HeaderMap, name: &str, default: Change) -> Result<Option<Change>, String> {
    let Some(value) = metadata.get(name) else { return Ok(Some(default)) };
    match value.as_bytes() {
        b"redact" => Ok(Some(Change::Redact)),
        b"reidentify" => Ok(Some(Change::Reidentify)),
        b"pass" => Ok(None),
        _ => Err(format!("metadata {name}: expected redact, reidentify or pass")),
    }
}
