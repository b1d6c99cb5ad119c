//! Rewrites the texts of a stream while it passes: plain text, and server-sent events of OpenAI's chat
//! completions, Anthropic's messages and Pilotlight.
//!
//! A [`Stream`] takes bytes in chunks of any size, has a [`Rewrite`] change the texts in them, and writes a
//! stream of the same form. What the texts become does not depend on chunks or events: a text is all that
//! belongs together, such as the `content` of one choice over all events.
//!
//! - Nothing passes that was not rewritten. Events are made anew of keys that are known; others, which could
//!   repeat a text (`logprobs`), are left out. An event of an unknown kind ends the stream with an error.
//! - Arguments of tools are JSON: they are held until they are complete, and each string and number in them
//!   is rewritten.
//! - What is held is bounded: see [`LONGEST_EVENT`] and [`LONGEST_ARGUMENTS`].

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod arguments;
mod chat;
mod decoder;
mod error;
mod events;
mod known;
mod messages;
mod rewrite;
mod stream;
mod texts;

pub use error::{Failure, StreamError};
pub use events::LONGEST_EVENT;
pub use rewrite::Rewrite;
pub use stream::{Form, Stream};
pub use texts::LONGEST_ARGUMENTS;
