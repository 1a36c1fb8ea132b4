//! How a number is spelled: separators, decimals, fractions, mixed numbers, powers of ten.

use super::numeral::Reader;
use super::rational::{OverBudget, Rational};
use crate::latex::tokens::Token;

/// Whether a numeral stands alone or among others, where a comma and a leading zero mean something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `1,000` is a thousand and `007` is seven.
    Alone,
    /// `1,000` is two numerals and `007` is none.
    InList,
}

/// A number at the start of `span` and how many tokens it takes, or nothing.
///
/// # Errors
/// The number has more digits than the budget allows.
pub fn number_at_start(span: &[Token<'_>], place: Place) -> Result<Option<(Rational, usize)>, OverBudget> {
    let mut reader = Reader { span, at: 0, place };
    let negative = reader.sign();
    let Some(magnitude) = reader.magnitude()? else {
        return Ok(None);
    };
    Ok(Some((if negative { magnitude.negated() } else { magnitude }, reader.at)))
}

/// `span` as a whole as a number.
///
/// # Errors
/// The number has more digits than the budget allows.
pub fn whole_number(span: &[Token<'_>], place: Place) -> Result<Option<Rational>, OverBudget> {
    Ok(number_at_start(span, place)?.filter(|(_, taken)| *taken == span.len()).map(|(number, _)| number))
}

/// A numeral at the start of `span`, without a sign, and how many tokens it takes, or nothing. `1.5e3` and `2\frac{1}{3}`
/// are numerals as well; `2^3` and `2/3` are operations on them.
///
/// # Errors
/// The number has more digits than the budget allows.
pub fn numeral_at_start(span: &[Token<'_>], place: Place) -> Result<Option<(Rational, usize)>, OverBudget> {
    let mut reader = Reader { span, at: 0, place };
    let Some(numeral) = reader.numeral() else {
        return Ok(None);
    };
    let mut value = numeral.value()?;
    if let Some(exponent) = reader.letter_exponent()? {
        value = value.times(&Rational::from_decimal("1", "", exponent)?);
    } else if numeral.is_integer()
        && let Some(part) = reader.mixed_part()?
    {
        value = value.plus(&part);
    }
    Ok(Some((value, reader.at)))
}

impl Reader<'_, '_> {
    fn magnitude(&mut self) -> Result<Option<Rational>, OverBudget> {
        if let Some(fraction) = self.fraction()? {
            return Ok(Some(fraction));
        }
        let Some(numeral) = self.numeral() else {
            return Ok(None);
        };
        let value = numeral.value()?;
        if let Some(exponent) = self.exponent()? {
            let scale = Rational::from_decimal("1", "", exponent)?;
            return Ok(Some(value.times(&scale)));
        }
        if numeral.is_integer() {
            if let Some(power) = self.power()? {
                return value.to_power(power);
            }
            if let Some(part) = self.mixed_part()? {
                return Ok(Some(value.plus(&part)));
            }
        }
        if let Some(divisor) = self.divisor()? {
            return Ok(value.over(&divisor));
        }
        Ok(Some(value))
    }

    /// `\frac{a}{b}` of two numerals.
    fn fraction(&mut self) -> Result<Option<Rational>, OverBudget> {
        let [Token::Command("frac"), rest @ ..] = self.rest() else {
            return Ok(None);
        };
        let Some((above, rest)) = group(rest) else { return Ok(None) };
        let Some((below, rest)) = group(rest) else { return Ok(None) };
        let (Some(above), Some(below)) = (signed_numeral(above)?, signed_numeral(below)?) else {
            return Ok(None);
        };
        let after = self.span.len() - rest.len();
        Ok(above.over(&below).inspect(|_| self.at = after))
    }

    /// The proper fraction that makes a mixed number of the integer before it.
    fn mixed_part(&mut self) -> Result<Option<Rational>, OverBudget> {
        let before = self.at;
        self.skip_spaces();
        let part = match self.fraction()? {
            Some(part) => Some(part),
            None => self.plain_fraction()?,
        };
        let part = part.filter(Rational::is_proper);
        if part.is_none() {
            self.at = before;
        }
        Ok(part)
    }

    /// `1/3`, the second half of a mixed number.
    fn plain_fraction(&mut self) -> Result<Option<Rational>, OverBudget> {
        if let [Token::Digits(above), Token::Symbol('/'), Token::Digits(below), ..] = self.rest() {
            if above.starts_with('0') {
                return Ok(None); // 1 000/3 is neither
            }
            let above = Rational::from_decimal(above, "", 0)?;
            let below = Rational::from_decimal(below, "", 0)?;
            return Ok(above.over(&below).inspect(|_| self.at += 3));
        }
        Ok(None)
    }

    /// `/ b` after a numeral.
    fn divisor(&mut self) -> Result<Option<Rational>, OverBudget> {
        let before = self.at;
        self.skip_spaces();
        if let [Token::Symbol('/') | Token::Command("div"), ..] = self.rest() {
            self.at += 1;
            self.skip_spaces();
            let negative = self.sign();
            if let Some(numeral) = self.numeral() {
                let value = numeral.value()?;
                return Ok(Some(if negative { value.negated() } else { value }));
            }
        }
        self.at = before;
        Ok(None)
    }
}

/// The contents of the brace group at the start, which holds no other group, and what follows it.
pub(super) fn group<'s, 'a>(span: &'s [Token<'a>]) -> Option<(&'s [Token<'a>], &'s [Token<'a>])> {
    let [Token::Open, rest @ ..] = span else { return None };
    let end = rest.iter().position(|token| matches!(token, Token::Open | Token::Close))?;
    (rest[end] == Token::Close).then(|| (&rest[..end], &rest[end + 1..]))
}

/// `-1,000.5` and nothing else.
fn signed_numeral(span: &[Token<'_>]) -> Result<Option<Rational>, OverBudget> {
    let mut reader = Reader { span, at: 0, place: Place::Alone };
    reader.skip_spaces();
    let negative = reader.sign();
    let Some(numeral) = reader.numeral() else { return Ok(None) };
    reader.skip_spaces();
    if reader.at < span.len() {
        return Ok(None);
    }
    let value = numeral.value()?;
    Ok(Some(if negative { value.negated() } else { value }))
}

#[cfg(test)]
mod tests {
    use super::{OverBudget, Place, Rational, whole_number};
    use crate::latex::canonical::{answer_tokens, trimmed};

    fn read(text: &str) -> Result<Option<Rational>, OverBudget> {
        let all = answer_tokens(text);
        whole_number(trimmed(&all), Place::Alone)
    }

    fn ratio(above: i64, below: i64) -> Option<Rational> {
        Rational::from(above).over(&Rational::from(below))
    }

    #[test]
    fn every_spelling_is_its_value() {
        for (text, above, below) in [
            ("7", 7, 1),
            ("+7", 7, 1),
            ("−5", -5, 1),
            ("007", 7, 1),
            ("1,000", 1000, 1),
            ("1 000 000", 1_000_000, 1),
            ("1{,}000", 1000, 1),
            (r"1\,000", 1000, 1),
            (r"1,\!000", 1000, 1),
            ("12,345.50", 24691, 2),
            (".5", 1, 2),
            ("-0.125", -1, 8),
            ("5.", 5, 1),
            ("3/4", 3, 4),
            ("-3/4", -3, 4),
            ("3 / 4", 3, 4),
            (r"\frac{-3}{4}", -3, 4),
            (r"-\dfrac34", -3, 4),
            (r"2\frac{1}{3}", 7, 3),
            ("2 1/3", 7, 3),
            ("-2 1/2", -5, 2),
            ("73 113/126", 9311, 126),
            ("2 000 1/2", 4001, 2),
            ("1.5e3", 1500, 1),
            ("1E-2", 1, 100),
            (r"1.5\times 10^3", 1500, 1),
            (r"6 \cdot 10^{-2}", 6, 100),
            ("2^{10}", 1024, 1),
            ("-2^2", -4, 1),
            ("10^-2", 1, 100),
            (r"0.\overline{3}", 1, 3),
            (r"0.1\overline{6}", 1, 6),
            (r"0.\dot{3}", 1, 3),
            (r"0.1\dot{6}", 1, 6),
            (r"0.\dot{1}\dot{2}", 4, 33),
            (r"0.\dot{1}2\dot{3}", 41, 333),
            ("0.(3)", 1, 3),
            ("0.1(6)", 1, 6),
            (r"0.\overline{3} \times 10^2", 100, 3),
            ("$\\frac{1}{2}$", 1, 2),
        ] {
            assert_eq!(read(text), Ok(ratio(above, below)), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_none() {
        for text in [
            "",
            "1,00",
            "1,0000",
            "10,00,000",
            "1.2.3",
            "1/0",
            r"\frac{1}{0}",
            r"\frac",
            r"\frac{1}",
            "2 3/2",
            "2 1/0",
            "1/2/3",
            "--5",
            "5-3",
            "e3",
            ".",
            "-",
            "x",
            "3x",
            "2^x",
            "0^0",
            "5!",
            r"\frac{1}{\frac{1}{2}}",
            "1,000,00",
            "0,123",
            "1 2",
            "1 00",
            "0^{-1}",
            "1e",
            "2^{1/2}",
            "½½",
            "1 000/3",
        ] {
            assert_eq!(read(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_too_large_says_so() {
        for text in ["1e999999999", "10^{999999999}", "9^9^9", "9^{99999999999999999999}", "1e-99999999999999999999"] {
            assert_eq!(read(text), Err(OverBudget), "{text}");
        }
        assert_eq!(read(&"1".repeat(100_000)), Err(OverBudget));
    }
}
