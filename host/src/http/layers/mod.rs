//! The layers of [`super::stack`], one in each file. A layer reads request extensions that layers above it have set.
//! Used only by the stack. A layer calls only the next layer.

mod authenticate;
mod body_limit;
mod call;
mod catch_panic;
mod close_unread;
mod decompress;
mod deidentify;
mod fail_open;
mod mirror;
mod observe;
mod refusals;
mod request_id;
mod route;
mod split;
mod statistics;
mod target;

pub(super) use authenticate::Authenticate;
pub(super) use body_limit::LimitBody;
pub(super) use call::Call;
pub(super) use catch_panic::CatchPanic;
pub(super) use close_unread::CloseUnread;
pub(super) use decompress::Decompress;
pub(super) use deidentify::Deidentify;
pub(super) use fail_open::FailOpen;
pub(super) use mirror::Mirror;
pub(super) use observe::Observe;
pub(super) use refusals::Refusals;
pub(super) use request_id::RequestId;
pub(super) use route::Route;
pub(super) use split::Split;
pub(super) use statistics::Statistics;
pub(super) use target::NormalizeTarget;
