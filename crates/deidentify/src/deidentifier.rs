//! Replaces the entities of a text as a `[deidentify]` section defines.
//! Used by `restoring` and the host. Does not know requests.

pub(crate) mod fit;

use std::collections::{BTreeMap, BTreeSet};

use crate::clusters::Clusters;
use crate::entity::{Deidentified, Entity, Span};
use crate::error::Refused;
use crate::keyring::Keyring;
use crate::options::{DeidentifyOptions, OptionsError, Threshold};
use crate::replacement::Replacement;

/// Protects what was found in texts. It does not change: with other keys another is made.
#[derive(Debug, Clone)]
pub struct Deidentifier {
    replacement: Replacement,
    /// Instead of it, for single labels.
    single: BTreeMap<String, Replacement>,
    thresholds: BTreeMap<String, Threshold>,
    labels: Option<BTreeSet<String>>,
}

impl Deidentifier {
    /// Protects as `options` say, with `keys`, which the caller has read from the file that the
    /// options name. Options that share a file should share the keyring that was read from it, so
    /// that its keys' uses are counted together.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn new(options: &DeidentifyOptions, keys: Option<&Keyring>) -> Result<Self, OptionsError> {
        options.check()?;
        let replacement = |mode| Replacement::new(mode, options, keys);
        let single = options.actions.iter();
        let single = single.map(|(label, mode)| Ok((label.clone(), replacement(*mode)?)));
        Ok(Self {
            replacement: replacement(options.mode)?,
            single: single.collect::<Result<_, OptionsError>>()?,
            thresholds: options.thresholds.clone(),
            labels: options.labels.clone(),
        })
    }

    /// The labels of what is de-identified; `None` is all. One that the model does not have de-identifies
    /// nothing: see [`DeidentifyOptions::check_labels`].
    pub fn labels(&self) -> Option<&BTreeSet<String>> {
        self.labels.as_ref()
    }

    /// Whether what has this label is de-identified: not kept, and among the labels.
    pub fn deidentifies(&self, label: &str) -> bool {
        let is_kept = matches!(self.replacement_of(label), Replacement::Kept);
        !is_kept && self.labels.as_ref().is_none_or(|labels| labels.contains(label))
    }

    /// Whether a score reaches the threshold of a label.
    pub fn reaches(&self, label: &str, score: f32) -> bool {
        self.thresholds.get(label).is_none_or(|least| score >= least.get())
    }

    fn replacement_of(&self, label: &str) -> &Replacement {
        self.single.get(label).unwrap_or(&self.replacement)
    }

    /// Replaces entities in a text. They have to be in the order of the text, and not to overlap.
    ///
    /// Each is widened to whole grapheme clusters (UAX #29), so that no accent of a name stays.
    /// Entities that share a cluster count as one: it has the label of the one that is blocked or
    /// de-identified, or else of the first.
    ///
    /// # Errors
    /// [`Refused`]; then nothing may be passed on.
    pub fn deidentify(&self, text: &str, entities: &[Entity<'_>]) -> Result<Deidentified, Refused> {
        let mut given = Cursor::new(text);
        entities.iter().try_for_each(|entity| given.next(entity).map(drop))?;
        self.replace(text, &self.widened(text, entities))
    }

    /// Entities that lie in the text in its order, widened to whole grapheme clusters.
    fn widened<'a>(&self, text: &str, entities: &[Entity<'a>]) -> Vec<Entity<'a>> {
        let mut clusters = Clusters::new(text);
        let mut widened: Vec<Entity<'a>> = Vec::with_capacity(entities.len());
        for entity in entities {
            let start = clusters.around(entity.start).start;
            let end = clusters.around(entity.end.saturating_sub(1)).end;
            let next = Entity { start, end, ..*entity };
            match widened.last_mut() {
                Some(last) if next.start < last.end => {
                    let counts = if self.weight(&next) > self.weight(last) { next } else { *last };
                    *last = Entity { start: last.start, end: last.end.max(next.end), ..counts };
                }
                _ => widened.push(next),
            }
        }
        widened
    }

    /// Which of several entities counts.
    fn weight(&self, entity: &Entity<'_>) -> u8 {
        let is_blocked = matches!(self.replacement_of(entity.label), Replacement::Blocked);
        match self.counts(entity) {
            true if is_blocked => 2,
            counts => u8::from(counts),
        }
    }

    /// Whether an entity is de-identified.
    fn counts(&self, entity: &Entity<'_>) -> bool {
        self.deidentifies(entity.label) && self.reaches(entity.label, entity.score)
    }

    fn replace(&self, text: &str, entities: &[Entity<'_>]) -> Result<Deidentified, Refused> {
        let mut original = Cursor::new(text);
        let mut deidentified = String::with_capacity(text.len());
        let mut spans = Vec::with_capacity(entities.len());
        let mut position = 0;
        for entity in entities {
            let before = original.end;
            let (between, value) = original.next(entity)?;
            let by = self.replacement_of(entity.label);
            let replacement =
                self.counts(entity).then(|| by.of(entity.label, value)).transpose()?.flatten();
            let now = replacement.as_deref().unwrap_or(value);
            deidentified.push_str(between);
            deidentified.push_str(now);
            let start = position + (entity.start - before);
            position = start + now.chars().count();
            spans.push(Span {
                label: entity.label.to_owned(),
                score: entity.score,
                start,
                end: position,
                original: entity.start..entity.end,
                deidentified: replacement.is_some(),
                key: by.key().filter(|_| replacement.is_some()),
            });
        }
        deidentified.push_str(original.rest);
        Ok(Deidentified { text: deidentified, spans })
    }
}

/// Goes through a text from entity to entity.
struct Cursor<'a> {
    /// What has not been passed.
    rest: &'a str,
    /// Where the last entity began, in code points.
    start: usize,
    /// Where it ended: here `rest` begins.
    end: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, start: 0, end: 0 }
    }

    /// What stands before an entity, and the entity.
    fn next(&mut self, entity: &Entity<'_>) -> Result<(&'a str, &'a str), Refused> {
        let Entity { start, end, .. } = *entity;
        let label = || entity.label.to_owned();
        if start >= end {
            return Err(Refused::Empty { label: label(), start, end });
        }
        if start < self.start {
            let previous = self.start;
            return Err(Refused::Unsorted { label: label(), start, end, previous });
        }
        if start < self.end {
            let previous = self.end;
            return Err(Refused::Overlapping { label: label(), start, end, previous });
        }
        let parts = split(self.rest, start - self.end).and_then(|(between, rest)| {
            let (value, rest) = split(rest, end - start)?;
            Some((between, value, rest))
        });
        let Some((between, value, rest)) = parts else {
            let length = self.end + self.rest.chars().count();
            return Err(Refused::Outside { label: label(), start, end, length });
        };
        *self = Self { rest, start, end };
        Ok((between, value))
    }
}

/// Splits off so many code points; `None` if there are fewer.
fn split(text: &str, code_points: usize) -> Option<(&str, &str)> {
    let mut places = text.char_indices().map(|(place, _)| place).chain([text.len()]);
    text.split_at_checked(places.nth(code_points)?)
}
