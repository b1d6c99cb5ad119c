//! HTTP interfaces of other servers and of Pilotlight, one in each file: routes, requests and answers on top of the tasks.
//! Used by `service`. A dialect only converts between HTTP and the types of a task; it does not know WASI.

mod audio;
mod gliner;
mod hugging_face;
mod input;
mod litellm;
mod multipart;
mod object;
mod open_inference;
mod openai;
mod output;
mod pages;
mod pilotlight;
mod presidio;
mod redact_stream;
mod rerank;
mod route;
#[cfg(feature = "schema")]
mod schema;
mod session;
mod splits;
mod text_embeddings_inference;
mod vllm;

pub use hugging_face::TASKS;
pub use input::{Text, Texts};
pub use pages::of_routes as openapi;
pub use route::{Answer, Call, JSON, NOTHING, Requires, Route, Routes, Target};
#[cfg(feature = "schema")]
pub use schema::document;
pub use session::{Message, Messages, Opened, Session, SessionRoute};
pub use splits::{Split, splits};

/// The routes of all dialects.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    let dialects = [
        pilotlight::ROUTES,
        redact_stream::ROUTES,
        hugging_face::ROUTES,
        audio::ROUTES,
        text_embeddings_inference::ROUTES,
        openai::ROUTES,
        open_inference::ROUTES,
        rerank::ROUTES,
        vllm::ROUTES,
        gliner::ROUTES,
        presidio::ROUTES,
        litellm::ROUTES,
        pages::ROUTES,
    ];
    dialects.into_iter().flatten()
}

/// Where answers are written while the request is read, in all dialects.
pub fn sessions() -> impl Iterator<Item = &'static SessionRoute> {
    audio::SESSIONS.iter().chain(redact_stream::SESSIONS)
}
