//! Oniguruma's syntax (`ONIG_SYNTAX_ONIGURUMA`), read from left to right and written anew.

use super::class;
use super::fold::FoldRun;

/// Groups within groups, or repetitions of repetitions, beyond which a pattern is refused.
pub(super) const MAX_DEPTH: usize = 64;

/// Options of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `i`
    ignore_case: bool,
    /// `m`: the dot matches newlines, too.
    dot_all: bool,
    /// `x`: white space and comments are left out.
    extended: bool,
}

/// What was read: a translated piece.
pub(super) struct Piece {
    pub(super) text: String,
    /// Whether it may match nothing.
    pub(super) empty: bool,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Atom,
    /// A `.` and its like.
    AnyChar,
    /// `^` or `\A`.
    Beginning,
    /// Anything else that no quantifier may follow.
    Assertion,
}

impl Piece {
    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self { text: text.into(), empty: false, kind: Kind::Atom }
    }

    fn any_char(text: impl Into<String>) -> Self {
        Self { kind: Kind::AnyChar, ..Self::atom(text) }
    }

    fn assertion(text: impl Into<String>) -> Self {
        Self { text: text.into(), empty: true, kind: Kind::Assertion }
    }

    fn beginning(text: impl Into<String>) -> Self {
        Self { kind: Kind::Beginning, ..Self::assertion(text) }
    }
}

/// The translation, or the construct that has none.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut parser = Parser::new(pattern);
    let translated = parser.alternatives(Options::default(), 0)?;
    match parser.next() {
        None => Ok(translated.text),
        Some(_) => Err("a ) without its (".into()),
    }
}

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) position: usize,
    /// Whether there are named groups: the others do not capture then.
    named_groups: bool,
    /// Capturing groups so far.
    groups: usize,
    /// Those that are not closed yet.
    open_groups: Vec<usize>,
    /// Lookbehinds that are not closed yet.
    behind: usize,
    /// Only a pattern with back-references needs groups that capture.
    back_references: bool,
    fold_run: FoldRun,
}

impl Parser {
    fn new(pattern: &str) -> Self {
        let chars: Vec<char> = pattern.chars().collect();
        Self {
            named_groups: has_named_groups(&chars),
            back_references: has_back_references(&chars),
            chars,
            position: 0,
            groups: 0,
            open_groups: Vec::new(),
            behind: 0,
            fold_run: FoldRun::default(),
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.position).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += 1;
        Some(next)
    }

    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let expected: Vec<char> = expected.chars().collect();
        let found = self.chars[self.position..].starts_with(&expected);
        if found {
            self.position += expected.len();
        }
        found
    }

    pub(super) fn rest(&self) -> &[char] {
        &self.chars[self.position..]
    }

    /// Alternatives up to the end of the group.
    fn alternatives(&mut self, options: Options, depth: usize) -> Result<Piece, String> {
        if depth > MAX_DEPTH {
            return Err(format!("a group within more than {MAX_DEPTH} groups"));
        }
        let mut all = Piece::atom("");
        loop {
            all.empty |= self.sequence(&mut all.text, options, depth)?;
            if !self.eat("|") {
                return Ok(all);
            }
            self.fold_run.alternate();
            all.text.push('|');
        }
    }

    /// Pieces up to the next `|` or the end of the group; whether they may match nothing.
    fn sequence(
        &mut self,
        text: &mut String,
        options: Options,
        depth: usize,
    ) -> Result<bool, String> {
        let (mut empty, mut asserted) = (true, false);
        loop {
            self.skip_blanks(options);
            if matches!(self.peek(), None | Some('|' | ')')) {
                return Ok(empty);
            }
            if let Some(changed) = self.isolated_options(options)? {
                // To the end of the group, later alternatives included.
                let around = std::mem::take(&mut self.fold_run);
                let rest = self.alternatives(changed, depth + 1)?;
                self.fold_run.leave(around, false)?;
                text.push_str(&format!("(?:{})", rest.text));
                return Ok(empty && rest.empty);
            }
            let piece = self.piece(options, depth)?;
            let kind = piece.kind;
            let piece = self.repetitions(piece, options)?;
            if asserted && kind == Kind::AnyChar && piece.kind == Kind::Atom {
                // Oniguruma looks for it at the beginnings of lines only.
                return Err("a repeated . after an assertion".into());
            }
            asserted = empty && (asserted || kind == Kind::Assertion) && piece.empty;
            empty &= piece.empty;
            text.push_str(&piece.text);
        }
    }

    pub(super) fn skip_blanks(&mut self, options: Options) {
        loop {
            if self.eat("(?#") {
                while self.next().is_some_and(|next| next != ')') {}
            } else if options.extended && self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
                self.position += 1;
            } else if options.extended && self.eat("#") {
                while self.next().is_some_and(|next| next != '\n') {}
            } else {
                return;
            }
        }
    }

    /// `(?i)` and its like.
    fn isolated_options(&mut self, options: Options) -> Result<Option<Options>, String> {
        let start = self.position;
        if self.eat("(?") && self.peek().is_some_and(is_option) {
            let changed = self.option_letters(options)?;
            if self.eat(")") {
                return Ok(Some(changed));
            }
        }
        self.position = start;
        Ok(None)
    }

    fn option_letters(&mut self, mut options: Options) -> Result<Options, String> {
        let mut on = true;
        while let Some(letter) = self.peek().filter(|letter| !matches!(letter, ':' | ')')) {
            self.position += 1;
            match letter {
                '-' => on = false,
                'i' => options.ignore_case = on,
                'm' => options.dot_all = on,
                'x' => options.extended = on,
                other => return Err(format!("the option {other} of a group (?{other})")),
            }
        }
        Ok(options)
    }

    fn piece(&mut self, options: Options, depth: usize) -> Result<Piece, String> {
        let Some(next) = self.next() else { return Ok(Piece::atom("")) };
        if !matches!(next, '(' | '\\') && !is_meta(next) {
            return self.literal(next, options);
        }
        match next {
            '(' => self.group(options, depth),
            '\\' => self.escape(options),
            '[' => {
                self.fold_run.end();
                let class = class::parse(self, options.ignore_case, 0)?;
                Ok(Piece::atom(in_case(class, options.ignore_case)))
            }
            '.' => {
                self.fold_run.end();
                Ok(Piece::any_char(if options.dot_all { "(?s:.)" } else { "[^\\n]" }))
            }
            // Lines, never texts: an empty last line has no beginning, but an end.
            '^' => Ok(Piece::beginning("(?:\\A|(?<=\\n)(?!\\z))")),
            '$' => Ok(Piece::assertion("(?=\\n|\\z)")),
            '{' => self.literal('{', options),
            other => Err(format!("{other} without anything to repeat")),
        }
    }

    fn literal(&mut self, literal: char, options: Options) -> Result<Piece, String> {
        if options.ignore_case {
            self.fold_run.push(literal)?;
        }
        let cased = options.ignore_case && has_case(literal);
        Ok(Piece::atom(in_case(write(literal), cased)))
    }

    fn group(&mut self, options: Options, depth: usize) -> Result<Piece, String> {
        if self.rest().first() == Some(&'*') {
            return Err("a callout (*…)".into());
        }
        // Where groups have names, those without do not capture.
        let plain =
            self.rest().starts_with(&['?', ':']) || self.named_groups && self.peek() != Some('?');
        let (opening, options, repeatable) = self.group_opening(options)?;
        let captures = opening == "(";
        let behind = opening.starts_with("(?<");
        if (behind || opening == "(?=" || opening == "(?!") && self.behind > 0 {
            return Err("an assertion within (?<=…) or (?<!…)".into());
        }
        self.behind += usize::from(behind);
        if captures {
            self.groups += 1;
            self.open_groups.push(self.groups);
        }
        let around = std::mem::take(&mut self.fold_run);
        let body = self.alternatives(options, depth + 1)?;
        self.fold_run.leave(around, plain)?;
        self.behind -= usize::from(behind);
        if captures {
            self.open_groups.pop();
        }
        if !self.eat(")") {
            return Err("a ( without its )".into());
        }
        let text = format!("{opening}{})", body.text);
        Ok(if repeatable { Piece { text, ..body } } else { Piece::assertion(text) })
    }

    /// How a group begins, its options and whether it may be repeated.
    fn group_opening(&mut self, options: Options) -> Result<(&'static str, Options, bool), String> {
        if !self.eat("?") {
            // Where groups have names, the others do not capture.
            let captures = self.back_references && !self.named_groups;
            return Ok((if captures { "(" } else { "(?:" }, options, true));
        }
        const KINDS: [(&str, &str, bool); 6] = [
            (":", "(?:", true),
            (">", "(?>", true),
            ("=", "(?=", false),
            ("!", "(?!", false),
            ("<=", "(?<=", false),
            ("<!", "(?<!", false),
        ];
        for (kind, written, repeatable) in KINDS {
            if self.eat(kind) {
                return Ok((written, options, repeatable));
            }
        }
        match self.peek() {
            Some('<' | '\'') => {
                self.position += 1;
                while self.next().is_some_and(|next| !matches!(next, '>' | '\'')) {}
                Ok(("(?:", options, true))
            }
            Some(letter) if is_option(letter) => {
                let options = self.option_letters(options)?;
                self.eat(":");
                Ok(("(?:", options, true))
            }
            Some('~') => Err("an absent group (?~…)".into()),
            Some('(') => Err("a condition (?(…)…)".into()),
            Some('{') => Err("a callout (?{…})".into()),
            other => Err(format!("the group (?{}", other.map_or_else(String::new, String::from))),
        }
    }

    fn escape(&mut self, options: Options) -> Result<Piece, String> {
        if let Some(literal) = self.escaped_char(false)? {
            return self.literal(literal, options);
        }
        self.fold_run.end();
        if let Some(set) = class::escaped_set(self, false)? {
            return Ok(Piece::atom(set));
        }
        const NEWLINE: &str = "(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])";
        let word = class::WORD;
        match self.next() {
            Some('A') => Ok(Piece::beginning("\\A")),
            Some('z') => Ok(Piece::assertion("\\z")),
            Some('Z') => Ok(Piece::assertion("(?=\\n?\\z)")),
            Some('b') => {
                Ok(Piece::assertion(format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))")))
            }
            Some('B') => {
                Ok(Piece::assertion(format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))")))
            }
            Some('R') => Ok(Piece::atom(NEWLINE)),
            Some('N') => Ok(Piece::any_char("[^\\n]")),
            Some('O') => Ok(Piece::any_char("(?s:.)")),
            Some(digit @ '1'..='9') => self.back_reference(digit, options),
            Some(other) => Err(format!("\\{other}")),
            None => Err("a \\ at the end".into()),
        }
    }

    fn back_reference(&mut self, digit: char, options: Options) -> Result<Piece, String> {
        let more = self.peek().is_some_and(|next| next.is_ascii_digit());
        let number = digit.to_digit(10).unwrap_or(0) as usize;
        // Only groups that are closed: engines differ on what an open one holds.
        let closed = number <= self.groups && !self.open_groups.contains(&number);
        if more || !closed || self.named_groups || options.ignore_case {
            return Err(format!("the back-reference \\{digit}"));
        }
        // What the group matched may be nothing.
        Ok(Piece { empty: true, ..Piece::atom(format!("\\{digit}")) })
    }
}

fn is_option(letter: char) -> bool {
    letter == '-' || letter.is_ascii_alphabetic()
}

fn is_meta(c: char) -> bool {
    matches!(c, '[' | '.' | '^' | '$' | '{' | '*' | '+' | '?')
}

fn has_case(c: char) -> bool {
    c.is_alphabetic() || c.to_lowercase().ne([c]) || c.to_uppercase().ne([c])
}

fn in_case(text: String, ignore_case: bool) -> String {
    if ignore_case { format!("(?i:{text})") } else { text }
}

/// A character that stands for itself, inside a class and outside.
pub(super) fn write(literal: char) -> String {
    if literal.is_ascii_alphanumeric() {
        literal.into()
    } else {
        format!("\\x{{{:X}}}", u32::from(literal))
    }
}

fn has_named_groups(chars: &[char]) -> bool {
    chars.windows(4).any(|next| match next {
        ['(', '?', '<', after] => !matches!(after, '=' | '!'),
        ['(', '?', '\'', _] => true,
        _ => false,
    })
}

fn has_back_references(chars: &[char]) -> bool {
    let mut escaped = false;
    chars.iter().any(|c| {
        let found = escaped && matches!(c, '1'..='9');
        escaped = !escaped && *c == '\\';
        found
    })
}
