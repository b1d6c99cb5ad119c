//! Escapes that stand for one character.

use super::parse::Parser;

impl Parser {
    /// The character that an escape stands for, the `\` being read; `None` where it stands for
    /// none, with nothing read.
    pub(super) fn escaped_char(&mut self, in_class: bool) -> Result<Option<char>, String> {
        let start = self.position;
        let literal = match self.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some('a') => '\u{7}',
            Some('e') => '\u{1b}',
            Some('b') if in_class => '\u{8}',
            Some('x') => return self.hexadecimal().map(Some),
            Some('u') => return self.code_point(4, 4, 16).map(Some),
            Some('o') if self.eat("{") => return self.braced(11, 8).map(Some),
            Some('0') => return self.byte(0, 2, 8).map(Some),
            Some(other) if !other.is_ascii_alphanumeric() => other,
            _ => {
                self.position = start;
                return Ok(None);
            }
        };
        Ok(Some(literal))
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        if self.eat("{") { self.braced(8, 16) } else { self.byte(1, 2, 16) }
    }

    fn braced(&mut self, most: usize, radix: u32) -> Result<char, String> {
        let literal = self.code_point(1, most, radix)?;
        if self.eat("}") { Ok(literal) } else { Err("several code points in one escape".into()) }
    }

    /// A byte of UTF-8: the same as a code point below 128.
    fn byte(&mut self, least: usize, most: usize, radix: u32) -> Result<char, String> {
        let literal = self.code_point(least, most, radix)?;
        if literal.is_ascii() {
            return Ok(literal);
        }
        let value = u32::from(literal);
        Err(format!("the byte \\x{value:X} (use \\x{{…}} for a code point)"))
    }

    fn code_point(&mut self, least: usize, most: usize, radix: u32) -> Result<char, String> {
        let digits = self.rest().iter().take(most).take_while(|c| c.is_digit(radix)).count();
        let text: String = self.rest()[..digits].iter().collect();
        self.position += digits;
        let value = if text.is_empty() { Some(0) } else { u32::from_str_radix(&text, radix).ok() };
        value
            .filter(|_| digits >= least)
            .and_then(char::from_u32)
            .ok_or_else(|| format!("the code point {text:?}"))
    }
}
