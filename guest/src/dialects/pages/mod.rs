//! Pages for browsers: the playground at `GET /`, and the OpenAPI document with a page that shows it.
//! Used by `dialects`. Does not know tasks.

mod openapi;

pub use openapi::of_routes;

use bytes::Bytes;

use super::route::{Answer, Call, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::{AnyObject, Document};
use crate::api::ApiError;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/", Requires::Nothing, root),
    Route::get("/docs", Requires::Pages, |_| Ok(html(DOCS, DOCS_POLICY))),
    Route::get("/openapi.json", Requires::Nothing, openapi),
];

/// A policy for the digests of a style and a script.
macro_rules! policy {
    ($style:literal, $script:literal) => {
        concat!(
            "default-src 'none'; style-src 'sha256-",
            $style,
            "'; script-src 'sha256-",
            $script,
            "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; ",
            "frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
    };
}

const PLAYGROUND: &str = include_str!("playground.html");
const DOCS: &str = include_str!("docs.html");

/// Nothing but the page's own style and script runs, by their digests; it talks to its own server only
/// (Content Security Policy, level 3). `tests/dialects/pages.rs` checks the digests.
const PLAYGROUND_POLICY: &str = policy!(
    "CStWMAladAKus+2M9tvm7SEdvxdYhl97jjHSm3vxNyg=",
    "PNdX7geZEcvnyewTImsu4HP9D46xXBa8xOe8UJtPozs="
);
const DOCS_POLICY: &str = policy!(
    "n6wtR/xNn4bXCyr547myGInh4oalZZyto6oPCu8E1x8=",
    "SeuhNyhgaYFni/8H5R2Wwx2c5WWvJvluBNHJJK3FQ9M="
);

fn html(page: &'static str, policy: &str) -> Answer {
    let header = |name, value: &str| (name, value.to_owned());
    Answer {
        content_type: "text/html; charset=utf-8",
        headers: vec![
            header("content-security-policy", policy),
            header("x-content-type-options", "nosniff"),
            header("referrer-policy", "no-referrer"),
        ],
        body: Bytes::from_static(page.as_bytes()),
    }
}

/// The playground for browsers, and nothing for all others.
fn root(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let is_page = call.function.has_pages() && asks_for_html(call.target.accept.as_deref());
    let mut answer = match is_page {
        true => html(PLAYGROUND, PLAYGROUND_POLICY),
        false => Answer {
            content_type: "text/plain; charset=utf-8",
            headers: Vec::new(),
            body: Bytes::new(),
        },
    };
    answer.headers.push(("vary", "accept".to_owned()));
    Ok(answer)
}

/// Whether HTML is named among what a client reads, as browsers do; `*/*` names nothing.
fn asks_for_html(accept: Option<&str>) -> bool {
    let is_html = |range: &str| {
        let essence = range.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("text/html")
    };
    accept.unwrap_or_default().split(',').any(is_html)
}

fn openapi(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    Ok(Answer::written(call.openapi.clone()))
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    let html = serde_json::json!({"text/html": {}});
    document.tag("Pages");
    document
        .get("/", "Shows browsers a page to try the model out; answers nothing to others.")
        .answers_in(&serde_json::json!({"text/html": {}, "text/plain": {}}));
    document.get("/docs", "Shows this document as a page.").answers_in(&html);
    document.get("/openapi.json", "This document.").answers::<AnyObject>();
}
