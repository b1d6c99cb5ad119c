//! Pages for browsers: the playground at `GET /`, and the OpenAPI document with a page that shows it.

mod openapi;

pub use openapi::of_routes;

use bytes::Bytes;

use super::route::{Answer, Call, NOTHING, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::{AnyObject, Document};
use crate::api::ApiError;

pub(super) const ROUTES: &[Route] = &[
    page("/", |_| Ok(html(PLAYGROUND, PLAYGROUND_POLICY))),
    page("/docs", |_| Ok(html(DOCS, DOCS_POLICY))),
    Route {
        method: "GET",
        path: "/openapi.json",
        requires: Requires::Nothing,
        reads: NOTHING,
        answer: openapi,
    },
];

const fn page(path: &'static str, answer: fn(&mut Call<'_>) -> Result<Answer, ApiError>) -> Route {
    Route { method: "GET", path, requires: Requires::Pages, reads: NOTHING, answer }
}

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
    "4wMOL/SDENOiUDyaxsPL8bblXxIMS/5Tbzv7g2eCjn0="
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

fn openapi(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    Ok(Answer::written(call.openapi.clone()))
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    let html = serde_json::json!({"text/html": {}});
    document.tag("Pages");
    document.get("/", "Shows a page to try the model out.").answers_in(&html);
    document.get("/docs", "Shows this document as a page.").answers_in(&html);
    document.get("/openapi.json", "This document.").answers::<AnyObject>();
}
