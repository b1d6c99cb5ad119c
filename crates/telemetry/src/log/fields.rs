//! What events and the spans around them carry.

use std::error::Error;
use std::fmt::{self, Debug};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The field that holds an event's message.
pub(crate) const MESSAGE: &str = "message";

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum FieldValue {
    Text(String),
    Signed(i64),
    Unsigned(u64),
    Real(f64),
    Bool(bool),
}

/// Fields by their names, of which no two are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(&'static str, FieldValue)>);

/// Those of a span, kept with it.
struct OfSpan(Fields);

impl Fields {
    /// An event's own fields, and before them those of the spans around it, the outermost first.
    /// The innermost counts where several have the same name.
    pub(crate) fn around<S>(event: &Event<'_>, context: &Context<'_, S>) -> Self
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut all = Self::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(OfSpan(fields)) = span.extensions().get() {
                fields.0.iter().for_each(|(name, value)| all.set(name, value.clone()));
            }
        }
        event.record(&mut all);
        all
    }

    /// Takes a field out.
    pub(crate) fn take(&mut self, name: &str) -> Option<FieldValue> {
        let index = self.0.iter().position(|(other, _)| *other == name)?;
        Some(self.0.remove(index).1)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (&'static str, FieldValue)> {
        self.0.into_iter()
    }

    fn set(&mut self, name: &'static str, value: FieldValue) {
        // A field that is named after a keyword.
        let name = name.strip_prefix("r#").unwrap_or(name);
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Keeps the fields of a new span, unless another layer did.
pub(crate) fn keep<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    let mut extensions = span.extensions_mut();
    if extensions.get_mut::<OfSpan>().is_none() {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        extensions.insert(OfSpan(fields));
    }
}

/// Keeps what has become known of a span.
pub(crate) fn keep_more<S>(id: &Id, values: &Record<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    if let Some(OfSpan(fields)) = span.extensions_mut().get_mut() {
        values.record(fields);
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), FieldValue::Real(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), FieldValue::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), FieldValue::Unsigned(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), FieldValue::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), FieldValue::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), FieldValue::Text(value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), FieldValue::Text(format!("{value:?}")));
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Signed(number) => write!(f, "{number}"),
            Self::Unsigned(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}
