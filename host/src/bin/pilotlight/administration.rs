//! A running server's administration, shared by the verbs that speak to it.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

#[derive(Args)]
pub(crate) struct Administration {
    /// Where the server has its administration
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:3001",
        env = "PILOTLIGHT_ADMIN"
    )]
    admin: String,
}

impl Administration {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.admin.trim_end_matches('/'))
    }

    /// The JSON that was answered; a refusal is an error with its reason.
    pub(crate) fn answer(
        &self,
        sent: Result<Response<Body>, ureq::Error>,
    ) -> anyhow::Result<Value> {
        let mut response = sent.with_context(|| self.admin.clone())?;
        let (status, body) = (response.status(), response.body_mut().read_to_string()?);
        let answer: Value = serde_json::from_str(&body)
            .with_context(|| format!("{} answers {status}, and no JSON", self.admin))?;
        if !status.is_success() {
            bail!("{}", answer["error"].as_str().unwrap_or(&body));
        }
        Ok(answer)
    }
}

/// Refusals carry a reason, too.
pub(crate) fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}
