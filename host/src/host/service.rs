//! A host as a [`tower::Service`].

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::{Service, ServiceExt as _};

use super::Host;
use crate::error::Result;
use crate::http::{Cors, RequestBodies, ServerLimits, Stack};
use crate::request::Body;

/// A [`Host`] behind the limits of a server: a [`tower::Service`], like the host itself.
#[derive(Clone)]
pub struct HostService(Stack);

impl Host {
    /// The host as a service that reads bodies within `limits` before it calls a function, and
    /// answers cross-origin requests as `cors` says.
    ///
    /// # Errors
    /// [`crate::Error::Options`] for limits that are out of range.
    pub fn service(&self, limits: &ServerLimits, cors: Option<Cors>) -> Result<HostService> {
        let bodies = Some(RequestBodies::new(limits)?);
        Ok(HostService(Stack { bodies, cors, ..self.stack() }))
    }

    fn stack(&self) -> Stack {
        let (functions, telemetry) = (self.0.functions.clone(), self.0.telemetry.clone());
        Stack { functions, telemetry, bodies: None, cors: None }
    }
}

impl<B> Service<Request<B>> for HostService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.0.service().oneshot(request))
    }
}

impl<B> Service<Request<B>> for Host
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        HostService(self.stack()).call(request)
    }
}
