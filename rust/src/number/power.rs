//! Powers of a numeral: `2^{10}`, `1e3`, `\times 10^{3}`.

use super::numeral::Reader;
use super::rational::OverBudget;
use super::read::group;
use crate::latex::tokens::Token;

impl Reader<'_, '_> {
    /// `e3`: the power of ten that scales a numeral, as programs write it.
    pub(super) fn letter_exponent(&mut self) -> Result<Option<i64>, OverBudget> {
        let before = self.at;
        if let [Token::Letters { run: "e" | "E", .. }, ..] = self.rest() {
            self.at += 1;
            let negative = matches!(self.rest(), [Token::Symbol('-'), ..]);
            if matches!(self.rest(), [Token::Symbol('-' | '+'), ..]) {
                self.at += 1;
            }
            if let [Token::Digits(run), ..] = self.rest() {
                self.at += 1;
                return small(run, negative).map(Some);
            }
        }
        self.at = before;
        Ok(None)
    }

    /// `e3`, `\times 10^{3}`: the power of ten that scales a numeral.
    pub(super) fn exponent(&mut self) -> Result<Option<i64>, OverBudget> {
        if let Some(exponent) = self.letter_exponent()? {
            return Ok(Some(exponent));
        }
        let before = self.at;
        self.skip_spaces();
        if let [Token::Command("times"), ..] = self.rest() {
            self.at += 1;
            self.skip_spaces();
            if let [Token::Digits("10"), ..] = self.rest() {
                self.at += 1;
                if let Some(power) = self.power()? {
                    return Ok(Some(power));
                }
            }
        }
        self.at = before;
        Ok(None)
    }

    /// `^{3}`: a whole power.
    pub(super) fn power(&mut self) -> Result<Option<i64>, OverBudget> {
        let [Token::Symbol('^'), rest @ ..] = self.rest() else {
            return Ok(None);
        };
        let Some((inner, rest)) = group(rest) else { return Ok(None) };
        let (negative, inner) = match inner {
            [Token::Symbol('-'), inner @ ..] => (true, inner),
            inner => (false, inner),
        };
        let [Token::Digits(run)] = inner else { return Ok(None) };
        self.at = self.span.len() - rest.len();
        if let [Token::Symbol('^'), ..] = rest {
            return Err(OverBudget); // a tower
        }
        small(run, negative).map(Some)
    }
}

/// An exponent; one that does not fit is over any budget.
fn small(run: &str, negative: bool) -> Result<i64, OverBudget> {
    let size = run.parse::<u32>().map_err(|_| OverBudget)?;
    Ok(if negative { -i64::from(size) } else { i64::from(size) })
}
