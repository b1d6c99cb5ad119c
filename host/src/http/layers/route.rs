use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext};
use crate::routing::Functions;

/// Finds the version that answers, and what its route asks for.
#[derive(Clone)]
pub(in crate::http) struct Route(pub(in crate::http) Functions);

impl Middleware for Route {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        if request.method() == Method::OPTIONS && request.uri().path() == "*" {
            return about_the_server();
        }
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let routed = self.0.table().route(Request::from_parts(head, body), &context).await;
        match routed {
            Ok((mut request, routed)) => {
                request.extensions_mut().insert(routed);
                next.run(request).await
            }
            Err((kind, response)) => {
                context.failed(kind);
                response
            }
        }
    }
}

/// About the server as a whole (RFC 9110, section 9.3.7): no function is meant.
fn about_the_server() -> Response<Body> {
    let mut response = Body::empty(StatusCode::NO_CONTENT);
    let allowed = HeaderValue::from_static("GET, HEAD, POST");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}
