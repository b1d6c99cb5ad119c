//! Bracketed classes, and the sets that escapes stand for.

use super::fold::folds_to_several;
use super::parse::{Parser, write};
use super::property::{posix, property};

/// Classes within classes beyond which a pattern is refused.
const MAX_DEPTH: usize = 16;

/// `\w`: without U+200C and U+200D, which `fancy-regex` counts in, but with the six Latin-1
/// fractions and superscripts that Oniguruma counts in outside of classes.
pub(super) const WORD: &str =
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}]";
const NO_WORD: &str = "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}]";

/// An item of a class.
enum Item {
    Char(char),
    /// A set of its own: `\d`, `[:alpha:]`.
    Set(String),
    /// `[…]`
    Class(String),
}

/// What a class has, or one side of an `&&` in it.
#[derive(Default)]
struct Items {
    written: String,
    /// Sets and ranges with characters beyond ASCII.
    sets: usize,
    /// A single character beyond ASCII.
    chars: bool,
}

impl Items {
    fn add(&mut self, item: Item) {
        let (set, count) = match item {
            Item::Char(only) => return self.add_range(only, only),
            Item::Class(class) => (class, 2),
            Item::Set(set) => {
                let count = match &set[..] {
                    "[0-9A-Fa-f]" | "0-9A-Fa-f" | "[\\x{0}-\\x{7F}]" | "\\x{0}-\\x{7F}" => 0,
                    "[^0-9A-Fa-f]" | "[^\\x{0}-\\x{7F}]" | "[\\x{0}-\\x{10FFFF}]" => 2,
                    _ => 1,
                };
                (set, count)
            }
        };
        self.sets += count;
        self.written.push_str(&set);
    }

    fn add_range(&mut self, first: char, last: char) {
        match (first, last) {
            (_, '\0'..='\x7f') => {}
            (first, last) if first == last => self.chars = true,
            ('\0'..='\u{80}', char::MAX) => self.sets += 2,
            _ => self.sets += 1,
        }
        self.written.push_str(&write(first));
        if first < last {
            self.written.push('-');
            self.written.push_str(&write(last));
        }
    }

    /// Whether these may be all characters beyond ASCII.
    fn may_be_all(&self) -> bool {
        self.sets + usize::from(self.chars) > 1
    }
}

/// A class whose `[` has been read.
pub(super) fn parse(
    parser: &mut Parser,
    ignore_case: bool,
    depth: usize,
) -> Result<String, String> {
    if depth > MAX_DEPTH {
        return Err(format!("a class within more than {MAX_DEPTH} classes"));
    }
    let negated = parser.eat("^");
    if parser.peek() == Some(']') {
        return Err("an unescaped ] as the first character of a class".into());
    }
    // What the class of one intersection has to say: `[a&&b]`.
    let (mut operands, mut items) = (Vec::new(), Items::default());
    let mut may_be_all = true;
    loop {
        if parser.eat("]") {
            break;
        }
        if parser.eat("&&") {
            may_be_all &= items.may_be_all();
            operands.push(operand(&mut items)?);
            continue;
        }
        item_or_range(parser, &mut items, Case { ignore_case, negated }, depth)?;
    }
    if negated && depth > 0 && may_be_all && items.may_be_all() {
        // Where they are all, Oniguruma takes bytes for characters.
        return Err("a negated class of several sets in a class".into());
    }
    operands.push(operand(&mut items)?);
    let sign = if negated { "^" } else { "" };
    match &operands[..] {
        [only] => Ok(format!("[{sign}{only}]")),
        several => {
            let several: Vec<String> = several.iter().map(|one| format!("[{one}]")).collect();
            Ok(format!("[{sign}{}]", several.join("&&")))
        }
    }
}

/// How case bears upon a class.
#[derive(Clone, Copy)]
struct Case {
    ignore_case: bool,
    negated: bool,
}

impl Case {
    /// Refuses what Oniguruma would match as several characters, `ß` as `ss`.
    fn check(self, several: bool, what: &str) -> Result<(), String> {
        if self.ignore_case && !self.negated && several {
            return Err(format!("{what} in a class without regard to case (?i)"));
        }
        Ok(())
    }
}

fn operand(items: &mut Items) -> Result<String, String> {
    let items = std::mem::take(items).written;
    if items.is_empty() { Err("an empty side of && in a class".into()) } else { Ok(items) }
}

fn item_or_range(
    parser: &mut Parser,
    items: &mut Items,
    case: Case,
    depth: usize,
) -> Result<(), String> {
    let first = match item(parser, case, depth)? {
        Item::Char(first) => first,
        set => {
            items.add(set);
            // `[\w-x]` is read in more ways than one.
            return match parser.rest() {
                ['-', ']', ..] => Ok(()),
                ['-', ..] => Err("an unescaped - after a set in a class".into()),
                _ => Ok(()),
            };
        }
    };
    let is_range = match parser.rest() {
        ['-', ']', ..] | ['-', '&', '&', ..] => false,
        ['-', '[', ..] | ['-', '-', ..] => {
            return Err("an unescaped - in a class".into());
        }
        ['-', ..] => true,
        _ => false,
    };
    if first == '-' && is_range {
        return Err("an unescaped - in a class".into());
    }
    if !is_range {
        case.check(folds_to_several(first..=first), &format!("{first:?}"))?;
        items.add_range(first, first);
        return Ok(());
    }
    parser.next();
    let Item::Char(last) = item(parser, case, depth)? else {
        return Err("a range that ends in a set".into());
    };
    if first > last {
        return Err(format!("the range {first:?}-{last:?}"));
    }
    if matches!(parser.rest(), ['-', next, ..] if *next != ']') {
        return Err("an unescaped - after a range in a class".into());
    }
    case.check(folds_to_several(first..=last), &format!("the range {first:?}-{last:?}"))?;
    items.add_range(first, last);
    Ok(())
}

fn item(parser: &mut Parser, case: Case, depth: usize) -> Result<Item, String> {
    if parser.eat("[:") {
        let (set, several) = posix_bracket(parser)?;
        case.check(several, "a POSIX bracket")?;
        return Ok(Item::Set(set));
    }
    match parser.next() {
        None => Err("a [ without its ]".into()),
        Some('[') => {
            let nested = parse(parser, case.ignore_case, depth + 1)?;
            if case.ignore_case && nested.starts_with("[^") {
                return Err("a negated class in a class without regard to case (?i)".into());
            }
            Ok(Item::Class(nested))
        }
        Some('\\') => {
            if let Some(literal) = parser.escaped_char(true)? {
                return Ok(Item::Char(literal));
            }
            let name: String = parser.rest().iter().take(1).collect();
            match escaped_set(parser, true)? {
                Some(set) => {
                    case.check(!matches!(&name[..], "d" | "s" | "h"), &format!("\\{name}"))?;
                    Ok(Item::Set(set))
                }
                None => Err(format!("\\{name} in a class")),
            }
        }
        Some(literal) => Ok(Item::Char(literal)),
    }
}

/// `[:name:]`, with whether it may have characters that fold to several.
fn posix_bracket(parser: &mut Parser) -> Result<(String, bool), String> {
    let negated = parser.eat("^");
    let mut name = String::new();
    while let Some(letter) = parser.peek().filter(char::is_ascii_alphabetic) {
        parser.next();
        name.push(letter);
    }
    if !parser.eat(":]") {
        return Err(format!("the POSIX bracket [:{name}"));
    }
    let set = posix(&name).ok_or_else(|| format!("the POSIX bracket [:{name}:]"))?;
    let several = negated || !matches!(&name[..], "digit" | "xdigit" | "space" | "blank");
    Ok((if negated { format!("[^{set}]") } else { set.to_owned() }, several))
}

/// The set that an escape stands for, the `\` being read; `None` where it stands for none, with
/// nothing read.
pub(super) fn escaped_set(parser: &mut Parser, in_class: bool) -> Result<Option<String>, String> {
    let set = match parser.peek() {
        Some('d') => "\\p{Nd}",
        Some('D') => "\\P{Nd}",
        Some('s') => "\\s",
        Some('S') => "\\S",
        Some('w') if in_class => "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]",
        Some('W') if in_class => "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]",
        Some('w') => WORD,
        Some('W') => NO_WORD,
        Some('h') => "[0-9A-Fa-f]",
        Some('H') => "[^0-9A-Fa-f]",
        Some(letter @ ('p' | 'P')) => {
            parser.next();
            return braced_property(parser, letter == 'P', in_class).map(Some);
        }
        _ => return Ok(None),
    };
    parser.next();
    Ok(Some(set.to_owned()))
}

fn braced_property(parser: &mut Parser, outside: bool, in_class: bool) -> Result<String, String> {
    if !parser.eat("{") {
        return Err("\\p without {…}".into());
    }
    let negated = parser.eat("^") != outside;
    let mut name = String::new();
    loop {
        match parser.next() {
            Some('}') => break,
            Some(letter) => name.push(letter),
            None => return Err("\\p{ without its }".into()),
        }
    }
    if !in_class && name.eq_ignore_ascii_case("word") {
        return Ok(if negated { NO_WORD } else { WORD }.to_owned());
    }
    let set = property(&name).ok_or_else(|| format!("the property \\p{{{name}}}"))?;
    Ok(format!("[{}{set}]", if negated { "^" } else { "" }))
}
