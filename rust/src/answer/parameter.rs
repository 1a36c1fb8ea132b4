//! Names that bind: the `k` of `k\pi, k \in \mathbb{Z}` and the `x` of `f(x) = 2x` are as good as any other.

use super::check::Check;
use super::linear::substituted;
use super::read::item;
use super::split::is_word;
use super::value::Value;
use super::{Answer, Reading};
use crate::budget::OverBudget;
use crate::equality;
use crate::expression::Expression;
use crate::latex::canonical::{key, trimmed};
use crate::latex::tokens::Token;
use crate::number::read::Place;

/// The one name of every parameter, which no answer can spell.
const PARAMETER: &str = "\\parameter";

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Any integer.
    Integers,
    /// Any natural number.
    Naturals,
}

/// Reads `k\pi, k \in \mathbb{Z}`: all the values for one parameter.
pub(super) fn family(span: &[Token<'_>], check: &Check<'_>) -> Result<Option<Answer>, OverBudget> {
    let Some((head, parameter, domain)) = declared(span) else { return Ok(None) };
    check.spend(4 * span.len())?;
    let mut member = item(head, Place::Alone, 1, check)?;
    let name = member.name.take();
    if !renamed(&mut member, parameter, PARAMETER, check)? {
        return Ok(None);
    }
    Ok(Some(Answer { name, key: key(span), reading: Reading::Family(Box::new(member), domain), also: Vec::new() }))
}

/// What depends on a parameter, the parameter, and what it may be.
fn declared<'s, 'a>(span: &'s [Token<'a>]) -> Option<(&'s [Token<'a>], &'a str, Domain)> {
    let (rest, parameter, domain) = match span {
        [rest @ .., Token::Symbol(')')] => {
            // "(k ∈ ℤ)" behind the rest
            let open = rest.iter().rposition(|token| *token == Token::Symbol('('))?;
            let (before, parameter, domain) = declaration(trimmed(&rest[open + 1..]))?;
            if !before.is_empty() {
                return None;
            }
            (&rest[..open], parameter, domain)
        }
        span => declaration(span)?,
    };
    let mut head = trimmed(rest);
    while let [before @ .., Token::Symbol(',' | ';' | ':') | Token::Command("quad" | "forall")] = head {
        head = trimmed(before);
    }
    while let [before @ .., last] = head {
        if !["where", "for", "with", "and", "any", "all", "some", "every"].iter().any(|word| is_word(last, word)) {
            break;
        }
        head = trimmed(before);
    }
    while let [before @ .., Token::Symbol(',' | ';' | ':')] = head {
        head = trimmed(before);
    }
    (!head.is_empty() && head.len() < rest.len() || matches!(span.last(), Some(Token::Symbol(')'))))
        .then_some((head, parameter, domain))
        .filter(|(head, ..)| !head.is_empty())
}

/// `… k ∈ ℤ`, "… k is an integer", "… integer k": what stands before, the parameter, its domain.
fn declaration<'s, 'a>(span: &'s [Token<'a>]) -> Option<(&'s [Token<'a>], &'a str, Domain)> {
    let domain_of = |name: &str| match name {
        "Z" | "ℤ" => Some(Domain::Integers),
        "N" | "ℕ" => Some(Domain::Naturals),
        _ => None,
    };
    let (rest, domain) = match span {
        [rest @ .., Token::Command("mathbb" | "mathbf"), Token::Open, Token::Letters { run, .. }, Token::Close]
        | [rest @ .., Token::Letters { run, .. }] => match domain_of(run) {
            Some(domain) => (rest, domain),
            None => return spoken(span),
        },
        _ => return None,
    };
    let [rest @ .., Token::Command("in")] = trimmed(rest) else { return None };
    let [before @ .., Token::Letters { run, .. }] = trimmed(rest) else { return None };
    (run.len() == 1).then_some((before, *run, domain))
}

fn spoken<'s, 'a>(span: &'s [Token<'a>]) -> Option<(&'s [Token<'a>], &'a str, Domain)> {
    let words: Vec<(usize, &'a str)> = span
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, token)| **token != Token::Space)
        .take(4)
        .map_while(|(at, token)| match token {
            Token::Letters { run, .. } => Some((at, *run)),
            _ => None,
        })
        .collect();
    let (at, parameter) = match words.as_slice() {
        [(_, "integer"), (_, "an" | "any"), (_, "is"), (at, name)] | [(_, name), (at, "integer" | "integers"), ..] => {
            (*at, *name)
        }
        _ => return None,
    };
    (parameter.len() == 1).then(|| (&span[..at], parameter, Domain::Integers))
}

/// Gives a variable of an answer another name; whether the answer has it, and can be told with the new name.
fn renamed(answer: &mut Answer, from: &str, to: &str, check: &Check<'_>) -> Result<bool, OverBudget> {
    check.spend(16)?;
    answer.also.clear();
    answer.key.clear(); // the spelling has the old name
    match &mut answer.reading {
        Reading::Quantity(quantity) => {
            let Value::Formula(formula) = &quantity.value else { return Ok(false) };
            if !equality::variables(formula).contains(from) {
                return Ok(false);
            }
            let to = Expression::Variable(to.to_owned());
            let Some(formula) = substituted(formula, from, &to, check)? else { return Ok(false) };
            quantity.value = Value::of(formula);
            Ok(true)
        }
        Reading::Several(_, items) => {
            let mut any = false;
            for item in items {
                any |= renamed(item, from, to, check)?;
            }
            Ok(any)
        }
        _ => Ok(false),
    }
}

/// `other`, whose name is `f(t)`, as a function of the argument of `one`, whose name is `f(x)`.
pub(super) fn same_argument(one: &Answer, other: &Answer, check: &Check<'_>) -> Result<Option<Answer>, OverBudget> {
    let (Some(name), Some(other_name)) = (&one.name, &other.name) else { return Ok(None) };
    let argument = |name: &str| -> Option<(String, String)> {
        let (function, argument) = name.strip_suffix(')')?.split_once('(')?;
        let letter = argument.len() == 1 && argument.bytes().all(|byte| byte.is_ascii_lowercase());
        letter.then(|| (function.to_owned(), argument.to_owned()))
    };
    let (Some((function, argument)), Some((other_function, other_argument))) = (argument(name), argument(other_name))
    else {
        return Ok(None);
    };
    let Reading::Quantity(quantity) = &other.reading else { return Ok(None) };
    if function != other_function || equality::variables(&quantity.value.expression()).contains(&argument) {
        return Ok(None);
    }
    let mut renaming = Answer { name: Some(name.clone()), ..other.clone() };
    renamed(&mut renaming, &other_argument, &argument, check)?;
    Ok(Some(renaming))
}

#[cfg(test)]
mod tests {
    use crate::options::Options;
    use crate::verdict::Verdict;
    use crate::verify::equivalent;

    #[test]
    fn bound_names_may_differ() {
        let verdict = |gold: &str, answer: &str| equivalent(answer, &[gold], &Options::default());
        let gold = r"x = \frac{\pi}{2}+k\pi, k\in\mathbb{Z}";
        for answer in [
            r"x = \frac{\pi}{2}+n\pi, n\in\mathbb{Z}",
            r"\frac{\pi}{2}+n\pi (n\in\mathbb{Z})",
            r"x = n\pi+\frac{\pi}{2} \text{ where } n \text{ is an integer}",
            r"x = \frac{(2n+1)\pi}{2}, \text{ for any integer } n",
        ] {
            assert_eq!(verdict(gold, answer), Verdict::Correct, "{answer}");
        }
        for answer in [r"\frac{\pi}{2}+n\pi, n\in\mathbb{N}", r"x = k\pi, k\in\mathbb{Z}", r"\frac{\pi}{2}"] {
            assert_ne!(verdict(gold, answer), Verdict::Correct, "{answer}");
        }
        assert_eq!(verdict("f(x)=2x", "f(t)=2t"), Verdict::Correct);
        assert_eq!(verdict("f(x)=2x", "f(t)=3t"), Verdict::Wrong);
        assert_ne!(verdict("f(x)=tx", "f(t)=t^2"), Verdict::Correct);
    }
}
