use std::collections::{BTreeMap, BTreeSet};

/// The label of tokens that belong to no entity.
const OUTSIDE: &str = "O";
/// Labels of padding, of special tokens and of pieces within a word. They have no tag in any scheme.
const SPECIAL: [&str; 6] = ["PAD", "[PAD]", "<pad>", "X", "[CLS]", "[SEP]"];

/// Where the labels of tokens say that entities begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Labels have no tags: each is a group (`PER`, `multi-word`).
    Plain,
    /// A tag comes first: `B-PER` and `I-PER` (IO, BIO), `E-PER` and `S-PER` (BIOES), `L-PER` and
    /// `U-PER` (BILOU), `M-PER` and `W-PER` (BMEWO).
    Prefix,
    /// A tag comes last: `PER-B`, `PER-I` and so on.
    Suffix,
}

/// Position of a token in its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The first token: `B`.
    Begin,
    /// Any token: `I`, `M`, and every label without a tag.
    Inside,
    /// The last token: `E`, `L`.
    End,
    /// The only token: `S`, `U`, `W`.
    Single,
}

impl Tag {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'B' => Self::Begin,
            'I' | 'M' => Self::Inside,
            'E' | 'L' => Self::End,
            'S' | 'U' | 'W' => Self::Single,
            _ => return None,
        })
    }
}

/// A label without its tag.
type Split<'a> = (char, &'a str);

impl Scheme {
    /// Splits a label as this scheme writes it, whatever the other labels are.
    pub(crate) fn split(self, label: &str) -> Option<Split<'_>> {
        let (tag, group) = match self {
            Self::Plain => return None,
            Self::Prefix => label.split_once('-')?,
            Self::Suffix => label.rsplit_once('-').map(|(group, tag)| (tag, group))?,
        };
        let mut letters = tag.chars();
        let letter = letters.next().filter(|letter| Tag::of(*letter).is_some())?;
        (letters.next().is_none() && !group.is_empty()).then_some((letter, group))
    }

    /// The scheme of a set of labels, and each label's tag and group; `None` for labels that are
    /// outside of entities.
    ///
    /// A label follows the scheme if its group also has a label with `B` or `I`. `S`, `U` and `W` may
    /// be all that a group has, if another group has them beside `B` or `I`. The tags come first if
    /// one group has several tags, if all labels but `O` and those of special tokens follow the
    /// scheme, or if several groups have a tag and no label begins with another capital and a hyphen.
    /// They come last only if one group has several. Labels that do not follow the scheme of the
    /// others are groups of their own. So `B-PER` alone is a beginning, `MISC` beside `B-PER` and
    /// `B-LOC` is a group, and so are `B-cell` beside `T-cell`, and `E-MAIL` without `B-MAIL`.
    pub(crate) fn detect(names: &[String]) -> (Self, Vec<Option<(Tag, String)>>) {
        let prefix = Reading::of(Self::Prefix, names);
        let suffix = Reading::of(Self::Suffix, names);
        let prefix_holds = prefix.pairs > 0 || prefix.is_complete || prefix.is_common;
        let suffix_holds = suffix.pairs > 0;
        let reading = match (prefix_holds, suffix_holds) {
            (true, true) if suffix.pairs > prefix.pairs => Some(suffix),
            (true, _) => Some(prefix),
            (false, true) => Some(suffix),
            (false, false) => None,
        };
        let scheme = reading.as_ref().map_or(Self::Plain, |reading| reading.scheme);
        let read = |name: &String| {
            let split = reading.as_ref().and_then(|reading| reading.split(name));
            let tagged = split.and_then(|(letter, group)| Some((Tag::of(letter)?, group)));
            let (tag, group) = tagged.unwrap_or((Tag::Inside, name));
            (name != OUTSIDE).then(|| (tag, group.to_owned()))
        };
        (scheme, names.iter().map(read).collect())
    }
}

/// A set of labels, read by one scheme.
struct Reading<'a> {
    scheme: Scheme,
    /// The tags of each group.
    tags: BTreeMap<&'a str, BTreeSet<char>>,
    /// Tags for single tokens that stand beside others.
    singles: BTreeSet<char>,
    /// Groups that follow the scheme with more than one tag.
    pairs: usize,
    /// Whether there are labels besides `O` and those of special tokens, and all of them follow the
    /// scheme.
    is_complete: bool,
    /// Whether several groups follow the scheme, and no other label seems to have a tag that is none.
    is_common: bool,
}

impl<'a> Reading<'a> {
    fn of(scheme: Scheme, names: &'a [String]) -> Self {
        let mut tags: BTreeMap<&str, BTreeSet<char>> = BTreeMap::new();
        for (letter, group) in names.iter().filter_map(|name| scheme.split(name)) {
            tags.entry(group).or_default().insert(letter);
        }
        let anchored = || tags.values().filter(|letters| is_anchored(letters));
        let pairs = anchored().filter(|letters| letters.len() > 1).count();
        let is_common = anchored().count() > 1 && !names.iter().any(|name| has_other_letter(name));
        let singles = anchored().flatten().copied();
        let singles = singles.filter(|letter| Tag::of(*letter) == Some(Tag::Single)).collect();
        let mut reading = Self { scheme, tags, singles, pairs, is_complete: false, is_common };
        let is_entity = |name: &&String| *name != OUTSIDE && !SPECIAL.contains(&name.as_str());
        let mut entities = names.iter().filter(is_entity).peekable();
        reading.is_complete =
            entities.peek().is_some() && entities.all(|name| reading.split(name).is_some());
        reading
    }

    /// The tag and the group of a label that follows the scheme.
    fn split<'b>(&self, name: &'b str) -> Option<Split<'b>> {
        let (letter, group) = self.scheme.split(name)?;
        let is_anchored = self.tags.get(group).is_some_and(is_anchored);
        (is_anchored || self.singles.contains(&letter)).then_some((letter, group))
    }
}

fn is_anchored(letters: &BTreeSet<char>) -> bool {
    letters.contains(&'B') || letters.contains(&'I')
}

/// Whether a label begins with a capital and a hyphen, and the capital is no tag: `T-cell`.
fn has_other_letter(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().filter(|letter| letter.is_uppercase() && Tag::of(*letter).is_none());
    first.is_some() && letters.next() == Some('-')
}
