//! Numbers whose base is said: `204_5`, `A5_{11}`, "204 base 5".

use super::split::is_word;
use crate::latex::canonical::trimmed;
use crate::latex::tokens::Token;
use crate::number::words::spelled;

/// Digits and their base. They are not converted: who asks for base 5 does not want 54.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Based {
    /// Sign, digits and point, in lower case and without leading zeros.
    pub digits: String,
    /// The base.
    pub base: u32,
}

/// The digits of a bare numeral, as [`Based::digits`] has them.
#[must_use]
pub fn digits(span: &[Token<'_>]) -> Option<String> {
    let span = match span {
        [Token::Symbol('('), inner @ .., Token::Symbol(')')] => trimmed(inner),
        span => span,
    };
    let mut digits = String::new();
    for token in span {
        match token {
            Token::Digits(run) => digits.push_str(run),
            Token::Letters { run, .. } if run.is_ascii() && run.len() <= 32 => {
                digits.push_str(&run.to_ascii_lowercase());
            }
            Token::Symbol('-') if digits.is_empty() => digits.push('-'),
            Token::Symbol('.') if !digits.contains('.') => digits.push('.'),
            Token::Symbol(',') | Token::Thousands | Token::Space => {}
            _ => return None,
        }
    }
    let (sign, bare) = digits.strip_prefix('-').map_or(("", digits.as_str()), |bare| ("-", bare));
    let stripped = bare.trim_start_matches('0');
    let bare = if stripped.is_empty() && !bare.is_empty() { "0" } else { stripped };
    (!bare.is_empty()).then(|| format!("{sign}{bare}"))
}

/// Reads digits with their base.
pub(super) fn based(span: &[Token<'_>]) -> Option<Based> {
    let (numeral, base) = match span {
        [numeral @ .., Token::Symbol('_'), Token::Open, base, Token::Close] => (numeral, base),
        [numeral @ .., word, Token::Space, base] if is_word(word, "base") => (numeral, base),
        [numeral @ .., Token::Symbol('('), word, Token::Space, base, Token::Symbol(')')] if is_word(word, "base") => {
            (numeral, base)
        }
        _ => return None,
    };
    let base = match base {
        Token::Digits(digits) => digits.parse::<u32>().ok()?,
        Token::Letters { run, .. } => {
            let value = spelled(&[run.to_ascii_lowercase().as_str()])?.to_i64()?;
            u32::try_from(value).ok()?
        }
        _ => return None,
    };
    if !(2..=36).contains(&base)
        || !numeral.iter().any(|token| matches!(token, Token::Digits(_) | Token::Letters { .. }))
    {
        return None;
    }
    let digits = digits(trimmed(numeral))?;
    // `a_1` is a variable: a numeral has digits, or several letters that are digits of this base.
    let is_numeral = digits.contains(|c: char| c.is_ascii_digit()) || (base > 10 && digits.len() > 1);
    let fits = digits.chars().filter(char::is_ascii_alphanumeric).all(|digit| digit.is_digit(base));
    let starts = !matches!(numeral.first(), Some(Token::Letters { .. })) || base > 10;
    (is_numeral && fits && starts).then_some(Based { digits, base })
}

#[cfg(test)]
mod tests {
    use super::based;
    use crate::latex::canonical::{answer_tokens, trimmed};

    #[test]
    fn digits_and_bases() {
        for (text, digits, base) in [
            ("204_5", "204", 5),
            ("204_{5}", "204", 5),
            (r"204_{\text{five}}", "204", 5),
            ("204 base 5", "204", 5),
            ("A5_{11}", "a5", 11),
            (r"\text{A5}_{11}", "a5", 11),
            ("(204)_5", "204", 5),
            ("11010_2", "11010", 2),
        ] {
            let all = answer_tokens(text);
            let read = based(trimmed(&all)).expect(text);
            assert_eq!((read.digits.as_str(), read.base), (digits, base), "{text}");
        }
        for text in ["a_1", "204", "209_5", "5_1", "x_{11}", "a_{n}", "C_7"] {
            assert_eq!(based(&answer_tokens(text)), None, "{text}");
        }
    }
}
