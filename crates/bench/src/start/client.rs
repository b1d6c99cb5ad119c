use std::net::SocketAddr;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;

use crate::client::connect;
use crate::error::Result;
use crate::failure::Failure;
use crate::load::Protocol;
use crate::request::{RequestTemplate, Requests};
use crate::target::Url;

/// A response with its body.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Sends a request on a connection of its own.
pub(super) async fn send(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> std::result::Result<Response, Failure> {
    let (mut sender, driver) = http1::handshake(connect(address).await?).await?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response { status: head.status, headers: head.headers, body })
    };
    let (response, _) = tokio::join!(exchange, driver);
    response
}

pub(super) fn request(
    url: &Url,
    body: Option<&Bytes>,
    authorization: Option<&HeaderValue>,
) -> Result<Request<Full<Bytes>>> {
    let bodies = body.cloned().into_iter().collect();
    let headers = authorization.map(|value| (AUTHORIZATION, value.clone())).into_iter().collect();
    let template = RequestTemplate { bodies, headers, ..RequestTemplate::default() };
    Ok(Requests::new(&template, url, Protocol::Http1)?.next())
}
