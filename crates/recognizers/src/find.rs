//! Recognizers at work.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::context::{Surroundings, boosted};
use crate::folded::Folded;
use crate::options::{OptionsError, RecognizerOptions};
use crate::own::{Allowed, Denied, Own};
use crate::recognizer::{Finding, LONG, Recognizer, SHORT, Verdict};
use crate::scanner::{Match, Scanner};
use crate::table::recognizers;

/// Names the recognizer of a deny-list.
const DENY: &str = "deny";
/// Bytes of states that are built ahead: snapshots hold them, and an instance builds those that it needs
/// besides. All of them would be three times as many, for identifiers that few texts have.
const WARM: usize = 192 << 10;
/// What many texts have.
const PROSE: &str = "Dear Ms. Smith, on 3 March 2024 at 10:30 you paid $1,250.00 for order no. A-10428 \
    (see https://example.com/orders?id=10428). Write to help@example.com, or call +1 202 555 0147.";

/// Recognizers as configured. They do not change, and may be used by many threads.
#[derive(Debug)]
pub struct Recognizers {
    options: RecognizerOptions,
    short: Scanner,
    long: Scanner,
    own: Vec<Own>,
    denied: Vec<Denied>,
    allowed: Allowed,
}

impl Recognizers {
    /// Compiles the patterns, and builds the states that most texts need.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn new(options: &RecognizerOptions) -> Result<Self, OptionsError> {
        options.check()?;
        let (long, short) =
            recognizers().filter(|row| options.uses(row)).partition(|row| row.is_long);
        let recognizers = Self {
            short: Scanner::new(short, SHORT)?,
            long: Scanner::new(long, LONG)?,
            own: options.patterns.iter().map(Own::new).collect::<Result<_, _>>()?,
            denied: options.deny.iter().map(Denied::new).collect::<Result<_, _>>()?,
            allowed: Allowed::new(&options.allow, &options.allow_patterns)?,
            options: options.clone(),
        };
        recognizers.warm_up();
        Ok(recognizers)
    }

    fn warm_up(&self) {
        self.find_all(PROSE, &[]);
        for row in recognizers().filter(|row| self.options.uses(row)) {
            for example in row.examples {
                if self.short.memory() + self.long.memory() > WARM {
                    return;
                }
                let context = row.context.first().copied().unwrap_or_default();
                self.find_all(&format!("{context}: {example}. {example} {example},"), &[]);
            }
        }
    }

    /// The options.
    pub fn options(&self) -> &RecognizerOptions {
        &self.options
    }

    /// Labels that can be found.
    pub fn labels(&self) -> BTreeSet<&str> {
        self.options.found_labels()
    }

    /// Findings that reach the threshold of their label, in the order of the text. They may overlap.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let mut found = self.find_all(text, &[]);
        found.retain(|finding| finding.score >= self.options.threshold_of(&finding.label));
        found
    }

    /// Findings of any score, in the order of the text. `context` are words of the text's surroundings,
    /// such as the name of a column, that count as if they stood beside each finding.
    pub fn find_all(&self, text: &str, context: &[String]) -> Vec<Finding> {
        let search =
            Search { text, context: context.iter().map(|word| word.to_lowercase()).collect() };
        let mut found = Vec::new();
        let folded = Folded::new(text);
        for scanner in [&self.short, &self.long].into_iter().filter(|scanner| !scanner.is_empty()) {
            scanner.scan(folded.bytes(), |hit| found.push(search.table(&folded, hit)));
        }
        self.find_own(&search, &mut found);
        found.retain(|finding| !self.allowed.allows(&text[finding.bytes.clone()]));
        found.sort_by(|one, other| {
            (one.start, other.end, &one.recognizer).cmp(&(other.start, one.end, &other.recognizer))
        });
        found
    }

    /// Whether a value is one of those that are never found.
    pub fn allows(&self, value: &str) -> bool {
        self.allowed.allows(value)
    }

    fn find_own(&self, search: &Search<'_>, found: &mut Vec<Finding>) {
        if self.own.is_empty() && self.denied.is_empty() {
            return;
        }
        let mut points = Points { text: search.text, byte: 0, point: 0 };
        for own in &self.own {
            found.extend(own.matches(search.text).map(|range| search.own(&mut points, own, range)));
        }
        for list in &self.denied {
            found.extend(list.matches(search.text).map(|bytes| Finding {
                label: list.label.clone(),
                recognizer: DENY.to_owned(),
                score: 1.0,
                validated: true,
                context: None,
                start: points.at(bytes.start),
                end: points.at(bytes.end),
                bytes,
            }));
        }
    }
}

/// One text that is searched.
struct Search<'a> {
    text: &'a str,
    /// Words that count as context everywhere, in lower case.
    context: Vec<String>,
}

impl Search<'_> {
    fn table(&self, folded: &Folded<'_>, Match { row, verdict, start, end }: Match) -> Finding {
        let ((start, first), (end, last)) = (folded.start(start), folded.end(end));
        let validated = verdict == Verdict::Valid;
        let score = if validated { row.valid } else { row.plausible };
        let word = self.context_word(row, first..last);
        Finding {
            label: row.label.to_owned(),
            recognizer: row.name.to_owned(),
            score: if word.is_some() { boosted(score, validated) } else { score },
            validated,
            context: word.map(str::to_owned),
            start,
            end,
            bytes: first..last,
        }
    }

    fn own(&self, points: &mut Points<'_>, own: &Own, bytes: Range<usize>) -> Finding {
        let words = own.context.iter().map(String::as_str);
        let word = match own.context.is_empty() {
            true => None,
            false => self.near(words, &bytes),
        };
        Finding {
            label: own.label.clone(),
            recognizer: own.name.clone(),
            score: if word.is_some() { boosted(own.score, false) } else { own.score },
            validated: false,
            context: word.map(str::to_owned),
            start: points.at(bytes.start),
            end: points.at(bytes.end),
            bytes,
        }
    }

    fn context_word(&self, row: &'static Recognizer, bytes: Range<usize>) -> Option<&'static str> {
        if row.context.is_empty() {
            return None;
        }
        self.near(row.context.iter().copied(), &bytes)
    }

    /// The first of `words` that stands near, or is given.
    fn near<'a>(
        &self,
        words: impl Iterator<Item = &'a str> + Clone,
        bytes: &Range<usize>,
    ) -> Option<&'a str> {
        let given =
            |word: &str| self.context.iter().any(|given| crate::context::has_word(given, word));
        let around = Surroundings::new(self.text, bytes.start, bytes.end);
        words.clone().find(|word| given(word)).or_else(|| around.word(words))
    }
}

/// Counts code points from where it counted last.
struct Points<'a> {
    text: &'a str,
    byte: usize,
    point: usize,
}

impl Points<'_> {
    fn at(&mut self, byte: usize) -> usize {
        if byte < self.byte {
            (self.byte, self.point) = (0, 0);
        }
        self.point += self.text[self.byte..byte].chars().count();
        self.byte = byte;
        self.point
    }
}
