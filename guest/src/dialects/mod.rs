//! The HTTP interfaces that clients of other servers speak, a file each, on top of the tasks.
//!
//! A dialect's file lists its routes. Reading a request into what the task takes, and writing what the
//! task answers, is all that it does.

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
