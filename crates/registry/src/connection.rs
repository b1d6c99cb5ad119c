//! Requests to one registry: where they may go, and who they say is asking.

use std::io::Read;

use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use ureq::http::{Method, Response, StatusCode, Uri};
use ureq::{Body, SendBody};

use crate::artifact::shown;
use crate::authorization::Action;
use crate::error::Result;
use crate::remote::Remote;
use crate::url::{may_follow, resolve, same_origin};

/// Maximum number of redirections of one request.
const REDIRECTIONS: usize = 5;

/// One request.
pub(crate) struct Request<'a> {
    pub(crate) action: Action,
    /// As it stands in messages.
    pub(crate) doing: &'static str,
    pub(crate) method: Method,
    pub(crate) accept: &'static str,
    /// The body and its type.
    pub(crate) body: Option<(&'a [u8], &'static str)>,
}

impl Remote {
    /// Sends a request to an address of [`Self::address`], or one that the registry has named,
    /// and once more with authorization if that is asked for.
    pub(crate) fn send(
        &mut self,
        request: &Request<'_>,
        uri: &Uri,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Response<Body>> {
        let (response, from) = self.follow(request, uri, progress)?;
        // Only the registry itself is told who asks.
        let home = self.address("")?;
        if response.status() != StatusCode::UNAUTHORIZED || !same_origin(&from, &home) {
            return Ok(response);
        }
        self.authorization = Some(self.authorize(request.action, response, &home)?);
        let (response, _) = self.follow(request, uri, progress)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.refused());
        }
        Ok(response)
    }

    /// The address in the `Location` header of an answer to a request to `from`.
    pub(crate) fn location(
        &self,
        doing: &'static str,
        response: &Response<Body>,
        from: &Uri,
    ) -> Result<Uri> {
        let wrong = |message: String| self.answer(from, doing, message);
        let header = response.headers().get(LOCATION);
        let text = header.and_then(|value| value.to_str().ok());
        let text = text.ok_or_else(|| {
            wrong("the redirect or upload response has no `location` header".into())
        })?;
        let uri = resolve(from, text).ok_or_else(|| {
            wrong(format!("it redirects to {}, which is not a usable URL", shown(text)))
        })?;
        if !may_follow(&self.address("")?, &uri, self.plain_http) {
            return Err(wrong(format!("it redirects to {}, which does not use TLS", shown(text))));
        }
        Ok(uri)
    }

    /// Sends a request, and after a reading one goes where it is sent. Tells where that was.
    fn follow(
        &self,
        request: &Request<'_>,
        uri: &Uri,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Response<Body>, Uri)> {
        let mut uri = uri.clone();
        for _ in 0..=REDIRECTIONS {
            let response = self.once(request, &uri, progress)?;
            if !response.status().is_redirection() || request.body.is_some() {
                return Ok((response, uri));
            }
            uri = self.location(request.doing, &response, &uri)?;
        }
        Err(self.answer(&uri, request.doing, "it redirects too often".to_owned()))
    }

    fn once(
        &self,
        request: &Request<'_>,
        uri: &Uri,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Response<Body>> {
        let mut builder = ureq::http::Request::builder()
            .method(request.method.clone())
            .uri(uri)
            .header(ACCEPT, request.accept);
        if same_origin(uri, &self.address("")?) {
            builder = self.authorization.iter().fold(builder, |builder, authorization| {
                builder.header(AUTHORIZATION, authorization.clone())
            });
        }
        let answer = match request.body {
            None => builder.body(()).map_err(ureq::Error::from).and_then(|it| self.agent.run(it)),
            Some((bytes, media_type)) => {
                builder = builder.header(CONTENT_LENGTH, bytes.len());
                if !bytes.is_empty() {
                    builder = builder.header(CONTENT_TYPE, media_type);
                }
                let mut upload = Upload { total: bytes.len() as u64, rest: bytes, progress };
                let sent = builder.body(SendBody::from_reader(&mut upload));
                sent.map_err(ureq::Error::from).and_then(|it| self.agent.run(it))
            }
        };
        answer.map_err(|error| self.failed(uri, &error))
    }
}

/// A body that tells how much of it has been sent.
struct Upload<'a> {
    rest: &'a [u8],
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.rest.read(buffer)?;
        if read > 0 {
            (self.progress)(self.total - self.rest.len() as u64, self.total);
        }
        Ok(read)
    }
}
