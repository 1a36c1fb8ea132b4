//! Golds that count something no list knows: `16\text{ daps}` is sixteen.

use super::check::Check;
use super::read::{item, read};
use super::unit::Unit;
use super::{Answer, Quantity, Reading};
use crate::budget::OverBudget;
use crate::latex::canonical::{answer_tokens, key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;
use crate::number::words::{multiplier, spelled};

/// Words the noun may have.
const MAX_WORDS: usize = 5;

/// Words that make the number before them another one, or none.
const CHANGES: [&str; 64] = [
    "half",
    "halves",
    "quarter",
    "quarters",
    "lakh",
    "lakhs",
    "crore",
    "crores",
    "grand",
    "score",
    "gross",
    "couple",
    "pair",
    "pairs",
    "dozens",
    "hundreds",
    "thousands",
    "millions",
    "billions",
    "percent",
    "squared",
    "cubed",
    "times",
    "less",
    "more",
    "fewer",
    "greater",
    "smaller",
    "than",
    "not",
    "and",
    "but",
    "minus",
    "plus",
    "over",
    "mod",
    "modulo",
    "base",
    "choose",
    "factorial",
    "root",
    "remainder",
    "infinity",
    "wrong",
    "incorrect",
    "maybe",
    "power",
    "basis",
    "negative",
    "divided",
    "multiplied",
    "raised",
    "added",
    "subtracted",
    "short",
    "reciprocal",
    "inverse",
    "opposite",
    "except",
    "without",
    "of",
    "double",
    "triple",
    "sqrt",
];

/// Reads a gold: as an answer, and else as a number of things, since whoever wrote it knew what they are.
#[must_use]
pub fn read_gold(text: &str, check: &Check<'_>) -> Answer {
    let answer = read(text, check);
    if !matches!(answer.reading, Reading::Unread) || !answer.also.is_empty() {
        return answer;
    }
    match counted(text, check) {
        Ok(Some(counted)) => Answer { key: answer.key, ..counted },
        _ => answer,
    }
}

fn counted(text: &str, check: &Check<'_>) -> Result<Option<Answer>, OverBudget> {
    check.spend(text.len())?;
    let all = answer_tokens(text);
    let span = trimmed(&all);
    let words = span.iter().rev().take_while(|token| matches!(token, Token::Letters { .. } | Token::Space)).count();
    let (number, noun) = span.split_at(span.len() - words);
    let spoken: Vec<&str> = noun
        .iter()
        .filter_map(|token| match token {
            Token::Letters { run, .. } => Some(*run),
            _ => None,
        })
        .collect();
    let apart = matches!(noun.first(), Some(Token::Space | Token::Letters { text: true, .. }));
    if number.is_empty() || !apart || !(1..=MAX_WORDS).contains(&spoken.len()) || !spoken.iter().all(|word| names(word))
    {
        return Ok(None);
    }
    let counted = item(trimmed(number), Place::Alone, 1, check)?;
    Ok(match counted.reading {
        Reading::Quantity(Quantity { value, unit: Unit::None, perhaps: false }) => {
            let unit = Unit::Named(key(trimmed(noun)).to_lowercase());
            Some(Answer { reading: Reading::Quantity(Quantity { value, unit, perhaps: false }), ..counted })
        }
        _ => None,
    })
}

/// Whether a word only says what is counted.
fn names(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let ordinal = ["th", "ths", "illion", "illions"].iter().any(|ending| lower.ends_with(ending));
    lower.len() >= 3
        && lower.len() <= 24
        && lower.bytes().all(|letter| letter.is_ascii_lowercase())
        && !ordinal
        && !CHANGES.contains(&lower.as_str())
        && multiplier(&lower).is_none()
        && spelled(&[lower.as_str()]).is_none()
}

#[cfg(test)]
mod tests {
    use crate::options::Options;
    use crate::verdict::Verdict;
    use crate::verify::equivalent;

    #[test]
    fn golds_are_trusted_to_count() {
        let verdict = |gold: &str, answer: &str| equivalent(answer, &[gold], &Options::default());
        for (gold, answer) in [
            (r"12\text{ zorgs}", "12"),
            (r"12 \text{ blue widgets}", "12"),
            (r"\frac{3}{4} \text{ gurgles}", "0.75"),
            (r"3\sqrt{2}\text{ zorgs}", r"\sqrt{18}"),
        ] {
            assert_eq!(verdict(gold, answer), Verdict::Correct, "{gold} {answer}");
            assert_ne!(verdict(answer, gold), Verdict::Correct, "{gold} {answer}");
        }
        for gold in [
            r"12\text{ less}",
            r"12\text{ squared}",
            r"12\text{ lakh}",
            r"12\text{ zorgs or more}",
            r"12\text{ halves}",
            r"12\text{ sevenths}",
            r"12\text{ of zorgs}",
        ] {
            assert_ne!(verdict(gold, "12"), Verdict::Correct, "{gold}");
        }
    }
}
