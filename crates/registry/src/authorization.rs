//! Proof of who asks, made when a registry wants it.

use serde::Deserialize;
use ureq::Body;
use ureq::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use ureq::http::{Response, StatusCode, Uri};

use crate::artifact::shown;
use crate::challenge::{Challenge, challenges};
use crate::error::Result;
use crate::refusal::read_up_to;
use crate::remote::Remote;
use crate::url::{may_follow, resolve};

/// Longest answer of a token server.
const LONGEST_TOKEN: u64 = 256 << 10;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Pull,
    Push,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Remote {
    /// Obtains what the registry asks for: the value of an `Authorization` header.
    pub(crate) fn authorize(
        &self,
        action: Action,
        response: Response<Body>,
        home: &Uri,
    ) -> Result<HeaderValue> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let found: Vec<_> =
            headers.filter_map(|value| value.to_str().ok()).flat_map(challenges).collect();
        let token = found.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service.as_deref())),
            Challenge::Basic => None,
        });
        let text = match (token, self.credentials.basic()) {
            (Some((realm, service)), _) => self.token(action, realm, service, home)?,
            (None, Some(basic)) if found.contains(&Challenge::Basic) => basic,
            (None, None) if found.contains(&Challenge::Basic) => return Err(self.refused()),
            (None, _) => {
                let message = "it requires an authentication scheme other than Basic and Bearer";
                return Err(self.answer(home, "requesting a token", message.to_owned()));
            }
        };
        let value = HeaderValue::from_str(&text).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        let unusable = |_| {
            self.answer(
                home,
                "requesting a token",
                "the token that it issued is not valid in a header".to_owned(),
            )
        };
        value.map_err(unusable)
    }

    /// Asks a token server for leave to pull, or to push and pull.
    fn token(
        &self,
        action: Action,
        realm: &str,
        service: Option<&str>,
        home: &Uri,
    ) -> Result<String> {
        const DOING: &str = "requesting a token";
        let wrong = |message: String| self.answer(home, DOING, message);
        let server = resolve(home, realm)
            .ok_or_else(|| wrong(format!("{} is not a URL of a token server", shown(realm))))?;
        if !may_follow(home, &server, self.plain_http) {
            return Err(wrong(format!(
                "the token server {} does not use TLS; no credentials are sent to it",
                shown(realm)
            )));
        }
        let actions = if action == Action::Push { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", self.reference.repository());
        let mut request = self.agent.get(&server).query("scope", &scope);
        if let Some(service) = service {
            request = request.query("service", service);
        }
        if let Some(basic) = self.credentials.basic() {
            request = request.header(AUTHORIZATION, basic);
        }
        let mut response = request.call().map_err(|error| self.failed(&server, &error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.refused()),
            _ => return Err(self.refusal(DOING, response, &server)),
        }
        let text = read_up_to(response.body_mut(), LONGEST_TOKEN);
        let text = text.map_err(|error| self.failed(&server, &error.into()))?;
        // What serde says about a value would show the value.
        let token: Token = serde_json::from_slice(&text).map_err(|_| {
            self.answer(&server, DOING, "its response contains no token".to_owned())
        })?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            self.answer(&server, DOING, "its response contains no token".to_owned())
        })?;
        Ok(format!("Bearer {token}"))
    }
}
