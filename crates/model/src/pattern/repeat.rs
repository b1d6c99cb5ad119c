//! Quantifiers: Oniguruma's `{3}?` is not lazy, its `{1,3}+` is not possessive.

use super::parse::{Kind, MAX_DEPTH, Options, Parser, Piece};

/// Oniguruma's own limit.
const MAX_REPEAT: u32 = 100_000;

struct Repeat {
    /// As it is written.
    quantifier: String,
    /// The two numbers of `{n,m}`.
    interval: Option<(Option<u32>, Option<u32>)>,
}

impl Repeat {
    /// The fewest times.
    fn least(&self) -> u32 {
        match self.interval {
            Some((low, high)) => low.unwrap_or(0).min(high.unwrap_or(u32::MAX)),
            None => u32::from(self.quantifier == "+"),
        }
    }
}

impl Parser {
    /// Applies the quantifiers that follow.
    pub(super) fn repetitions(
        &mut self,
        mut piece: Piece,
        options: Options,
    ) -> Result<Piece, String> {
        for _ in 0..MAX_DEPTH {
            self.skip_blanks(options);
            let Some(repeat) = self.quantifier()? else { return Ok(piece) };
            if matches!(piece.kind, Kind::Assertion | Kind::Beginning) {
                return Err(format!("the repeated assertion {}", repeat.quantifier));
            }
            if piece.empty {
                // Engines differ on when to stop.
                return Err(format!("{} after what may match nothing", repeat.quantifier));
            }
            let empty = repeat.least() == 0;
            piece = Piece { empty, ..Piece::atom(self.repeat(&piece.text, repeat)) };
        }
        Err("a repetition of repetitions".into())
    }

    /// The quantifier's own suffix is read here.
    fn repeat(&mut self, text: &str, repeat: Repeat) -> String {
        let Repeat { quantifier, interval } = repeat;
        match interval {
            Some((Some(low), Some(high))) if low == high => format!("(?:{text}){{{low}}}"),
            Some((Some(low), Some(high))) if low > high => {
                format!("(?>(?:{text}){{{high},{low}}})")
            }
            Some((low, high)) => {
                let low = low.unwrap_or(0);
                let high = high.map_or_else(String::new, |high| high.to_string());
                let lazy = if self.eat("?") { "?" } else { "" };
                format!("(?:{text}){{{low},{high}}}{lazy}")
            }
            None if self.eat("+") => format!("(?>(?:{text}){quantifier})"),
            None if self.eat("?") => format!("(?:{text}){quantifier}?"),
            None => format!("(?:{text}){quantifier}"),
        }
    }

    fn quantifier(&mut self) -> Result<Option<Repeat>, String> {
        match self.peek() {
            Some(sign @ ('?' | '*' | '+')) => {
                self.position += 1;
                Ok(Some(Repeat { quantifier: sign.into(), interval: None }))
            }
            Some('{') => self.interval(),
            _ => Ok(None),
        }
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}`; anything else is text.
    fn interval(&mut self) -> Result<Option<Repeat>, String> {
        let start = self.position;
        self.position += 1;
        let low = self.number()?;
        let high = if self.eat(",") { Some(self.number()?) } else { None };
        let closed = self.eat("}");
        let quantifier: String = self.chars[start..self.position].iter().collect();
        let interval = match (low, high) {
            (Some(low), None) => (Some(low), Some(low)),
            (low, Some(high)) if low.is_some() || high.is_some() => (low, high),
            _ => (None, None),
        };
        if !closed || interval == (None, None) {
            self.position = start;
            return Ok(None);
        }
        Ok(Some(Repeat { quantifier, interval: Some(interval) }))
    }

    fn number(&mut self) -> Result<Option<u32>, String> {
        let digits = self.rest().iter().take_while(|c| c.is_ascii_digit()).count();
        let text: String = self.rest()[..digits].iter().collect();
        self.position += digits;
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|number| *number <= MAX_REPEAT);
        number.map(Some).ok_or_else(|| format!("the repetition {{{text}}}"))
    }
}
