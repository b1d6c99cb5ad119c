//! Client of a running server's administration API.
//! Used by the commands `swap`, `rollback` and `routes`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pilotlight::AdminToken;
use serde_json::Value;

mod place;

use place::Place;

use crate::admin_socket;

#[derive(Args)]
pub(crate) struct Administration {
    /// Administration API of the server [default: the Unix socket of the only server on this
    /// machine that runs as this user]
    #[arg(long, value_name = "URL|unix:PATH", env = "PILOTLIGHT_ADMIN")]
    admin: Option<Place>,
    /// File with the token of the administration API
    #[arg(long, value_name = "FILE", env = "PILOTLIGHT_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
}

impl Administration {
    /// Sends a request with `content` of a media type and returns the JSON of the response; a
    /// response with an error status is an error with its reason.
    pub(crate) fn ask(
        &self,
        method: Method,
        path: &str,
        content: (&str, Vec<u8>),
    ) -> anyhow::Result<Value> {
        let admin = match &self.admin {
            Some(admin) => admin.clone(),
            None => Place::Unix(admin_socket::find()?),
        };
        let token = self.admin_token_file.as_deref().map(AdminToken::authorization).transpose()?;
        let (kind, content) = content;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, admin.host())
            .header(header::CONTENT_TYPE, kind);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request.body(Full::from(content))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answered = runtime.block_on(send(&admin, request));
        let (status, body) = answered.with_context(|| admin.to_string())?;
        let answer: Value = serde_json::from_slice(&body)
            .with_context(|| format!("{admin}: status {status} with a body that is not JSON; is this an administration API of pilotlight?"))?;
        if !status.is_success() {
            let text = || String::from_utf8_lossy(&body).into_owned();
            bail!("{}", answer["error"].as_str().map_or_else(text, str::to_owned));
        }
        Ok(answer)
    }
}

async fn send(
    admin: &Place,
    request: Request<Full<bytes::Bytes>>,
) -> anyhow::Result<(http::StatusCode, bytes::Bytes)> {
    let io = TokioIo::new(admin.connect().await?);
    let (mut sender, connection) = http1::handshake(io).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    tokio::select! {
        answer = exchange => answer,
        // It ends with an answer, unless it breaks off.
        never = async { drop(connection.await); std::future::pending().await } => never,
    }
}
