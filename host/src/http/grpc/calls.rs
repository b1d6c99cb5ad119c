//! The calls of the service.

use std::future::Future;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic_prost::ProstCodec;
use wasmtime_wasi_http::WasiBody;

use super::messages::{
    Empty, ModelConfigResponse, ModelInferRequest, ModelInferResponse, ModelMetadataResponse,
    ModelRequest, ModelStatisticsResponse, ServerMetadataResponse, State,
};
use super::{config, head, infer};
use crate::http::middleware::Next;
use crate::request::{Body, grpc, whole};
use crate::routing::Routed;

const JSON_LENGTH: &str = "inference-header-content-length";
/// What is escaped of a name in a path: all but unreserved characters (RFC 3986, section 2.3), so that the
/// path is in its normal form.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The function that a call is for, asked by HTTP.
#[derive(Clone)]
pub(super) struct Function<N> {
    head: Parts,
    next: N,
    /// Longest message in bytes.
    limit: usize,
}

/// What the function answered with status 200.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl<N: Next> Function<N> {
    /// Asked by requests with what `call` is known to be: its routing, its context, its headers.
    pub(super) fn new(call: &Request<WasiBody>, next: N) -> Self {
        let head = head(call);
        let routed = head.extensions.get::<Routed>();
        let limit = routed.map_or(usize::MAX, |routed| routed.version.body_limit());
        Self { head, next, limit }
    }

    /// Answers the call named `call`.
    pub(super) async fn answer(self, call: &str, request: Request<WasiBody>) -> Response<Body> {
        let limit = self.limit;
        match call {
            "ServerLive" => unary(limit, request, live).await,
            "ServerReady" => unary(limit, request, |_: Empty| self.ready("/v2/health/ready")).await,
            "ServerMetadata" => {
                unary(limit, request, |_: Empty| self.get::<ServerMetadataResponse>("/v2")).await
            }
            "ModelReady" => unary(limit, request, |model| self.model_ready(model)).await,
            "ModelMetadata" => unary(limit, request, |model| self.metadata(model)).await,
            "ModelConfig" => unary(limit, request, |model| self.config(model)).await,
            "ModelStatistics" => unary(limit, request, |model| self.statistics(model)).await,
            "ModelInfer" => unary(limit, request, |message| self.infer(message)).await,
            other => {
                let error = format!("{other} is not supported");
                grpc::refuse(StatusCode::NOT_IMPLEMENTED, &error)
            }
        }
    }

    async fn model_ready(self, model: ModelRequest) -> Result<State, Status> {
        self.ready(&format!("{}/ready", path(&model.name, &model.version))).await
    }

    async fn metadata(self, model: ModelRequest) -> Result<ModelMetadataResponse, Status> {
        self.get(&path(&model.name, &model.version)).await
    }

    async fn config(self, model: ModelRequest) -> Result<ModelConfigResponse, Status> {
        let path = format!("{}/config", path(&model.name, &model.version));
        let told = self.get::<config::Told>(&path).await?;
        Ok(ModelConfigResponse { config: Some(told.into()) })
    }

    async fn statistics(self, model: ModelRequest) -> Result<ModelStatisticsResponse, Status> {
        if model.name.is_empty() {
            return self.get("/v2/models/stats").await;
        }
        self.get(&format!("{}/stats", path(&model.name, &model.version))).await
    }

    async fn infer(self, request: ModelInferRequest) -> Result<ModelInferResponse, Status> {
        let path = format!("{}/infer", path(&request.model_name, &request.model_version));
        let (json_length, body) = infer::body(request)?;
        let mut head = self.head.clone();
        head.method = Method::POST;
        head.headers.insert(JSON_LENGTH, HeaderValue::from(json_length));
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let octets = HeaderValue::from_static("application/octet-stream");
        head.headers.insert(header::CONTENT_TYPE, octets);
        let Answer { headers, body } = self.ask(head, &path, body).await?;
        let json_length = headers.get(JSON_LENGTH).and_then(|value| value.to_str().ok());
        infer::response(&body, json_length.and_then(|length| length.parse().ok()))
    }

    async fn ready(self, path: &str) -> Result<State, Status> {
        let head = self.head.clone();
        match self.ask(head, path, Bytes::new()).await {
            Ok(_) => Ok(State { yes: true }),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(State { yes: false }),
            Err(status) if status.code() == tonic::Code::Unavailable => Ok(State { yes: false }),
            Err(status) => Err(status),
        }
    }

    async fn get<A: DeserializeOwned>(self, path: &str) -> Result<A, Status> {
        let head = self.head.clone();
        let Answer { body, .. } = self.ask(head, path, Bytes::new()).await?;
        let read = serde_json::from_slice(&body);
        read.map_err(|error| Status::internal(format!("the function's response: {error}")))
    }

    async fn ask(self, mut head: Parts, path: &str, body: Bytes) -> Result<Answer, Status> {
        let unusable = |error| Status::invalid_argument(format!("the model's name: {error}"));
        head.uri = path.parse().map_err(unusable)?;
        let request = Request::from_parts(head, whole(body));
        let (head, body) = self.next.run(request).await.into_parts();
        let collected = body.collect().await;
        let broken = |error| Status::internal(format!("the function's response: {error}"));
        let body = collected.map_err(broken)?.to_bytes();
        match head.status {
            StatusCode::OK => Ok(Answer { headers: head.headers, body }),
            status => Err(refused(status, &body)),
        }
    }
}

async fn live(_: Empty) -> Result<State, Status> {
    Ok(State { yes: true })
}

/// Decodes the one message of a call, of at most `limit` bytes, and encodes the one that `answer` gives.
async fn unary<Q, A, F>(
    limit: usize,
    request: Request<WasiBody>,
    answer: impl FnOnce(Q) -> F + Send + 'static,
) -> Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
    F: Future<Output = Result<A, Status>> + Send + 'static,
{
    let mut answer = Some(answer);
    let service = tower::service_fn(move |request: tonic::Request<Q>| {
        // A call has one message.
        let answered = answer.take().map(|answer| answer(request.into_inner()));
        async move {
            let twice = || Status::internal("a call was answered twice");
            Ok::<_, Status>(tonic::Response::new(answered.ok_or_else(twice)?.await?))
        }
    });
    let codec = ProstCodec::<A, Q>::default();
    let mut server =
        tonic::server::Grpc::new(codec).apply_max_message_size_config(Some(limit), None);
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
        server = server.accept_compressed(encoding);
    }
    server.unary(service, request).await.map(Body::grpc)
}

/// The status of a call that the function refuses.
fn refused(status: StatusCode, body: &[u8]) -> Status {
    #[derive(Deserialize)]
    struct Told {
        error: String,
    }
    let told = serde_json::from_slice::<Told>(body);
    let message = told.map_or_else(|_| format!("status {status}"), |told| told.error);
    Status::new(tonic::Code::from(grpc::code(status)), message)
}

/// The path of a model; of any version where it has none.
fn path(name: &str, version: &str) -> String {
    let escaped = |text| utf8_percent_encode(text, RESERVED).to_string();
    let name = escaped(name);
    match version {
        "" => format!("/v2/models/{name}"),
        version => format!("/v2/models/{name}/versions/{}", escaped(version)),
    }
}
