//! Types of the guest's WIT, `guest/wit`.

use wasmtime::component::{ComponentType, Lift, Lower};

/// `precision`
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum GuestPrecision {
    #[component(name = "float32")]
    Float32,
    #[component(name = "int8")]
    Int8,
    #[component(name = "int4")]
    Int4,
}

/// `placement`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(variant)]
pub(super) enum GuestPlacement {
    #[component(name = "guest")]
    Guest(GuestPrecision),
    #[component(name = "host")]
    Host(Vec<GuestGraph>),
}

/// `graph`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(super) struct GuestGraph {
    pub(super) name: String,
    pub(super) inputs: Vec<GuestPort>,
    pub(super) outputs: Vec<GuestPort>,
    #[component(name = "pad-to-multiple-of")]
    pub(super) pad_to_multiple_of: u32,
    pub(super) rows: u32,
    pub(super) length: Option<u32>,
    pub(super) vocabulary: Option<u32>,
    #[component(name = "any-lengths")]
    pub(super) any_lengths: bool,
}

/// `port`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(super) struct GuestPort {
    pub(super) name: String,
    pub(super) element: i32,
    pub(super) dims: Vec<Option<u32>>,
}

/// `description`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestDescription {
    pub(super) info: String,
    pub(super) task: String,
    pub(super) endpoints: Vec<GuestEndpoint>,
    pub(super) splits: Vec<GuestSplit>,
    pub(super) sessions: Vec<GuestSession>,
    pub(super) sample: GuestSample,
    pub(super) agreement: GuestAgreement,
}

/// `endpoint`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestEndpoint {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) task: String,
}

/// `split`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestSplit {
    pub(super) path: String,
    pub(super) texts: String,
    pub(super) answers: String,
    pub(super) index: Option<String>,
    #[component(name = "sorted-by")]
    pub(super) sorted_by: Option<String>,
    pub(super) limits: Vec<String>,
    pub(super) sums: Vec<String>,
}

/// `session`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestSession {
    pub(super) path: String,
    #[component(name = "period-ms")]
    pub(super) period_ms: u32,
    pub(super) sockets: Vec<String>,
}

/// `sample`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestSample {
    pub(super) path: String,
    pub(super) request: String,
}

/// `agreement`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestAgreement {
    pub(super) path: String,
    pub(super) request: String,
    pub(super) values: String,
    pub(super) measure: GuestMeasure,
    pub(super) threshold: f64,
}

/// `measure`; what lifts it makes it from its number.
#[allow(dead_code, reason = "no variant is written out")]
#[derive(Debug, Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub(super) enum GuestMeasure {
    #[component(name = "equal")]
    Equal,
    #[component(name = "cosine")]
    Cosine,
    #[component(name = "order")]
    Order,
    #[component(name = "difference")]
    Difference,
}
