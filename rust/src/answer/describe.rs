//! An answer as it was understood, in a line for people.

use super::real_set::{End, Piece, RealSet};
use super::relation::{Kind, Relation};
use super::value::Value;
use super::{Answer, Domain, Quantity, Reading, Shape};
use crate::expression::Expression;
use crate::number::rational::Rational;

/// Characters of a description that are given.
const MAX_LENGTH: usize = 500;

/// What an answer was read as, with its name and all it may be.
#[must_use]
pub fn describe(answer: &Answer) -> String {
    let mut text = answer.name.as_ref().map_or_else(String::new, |name| format!("{name} = "));
    text += &reading(&answer.reading);
    for other in &answer.also {
        text += ", or ";
        text += &reading(other);
    }
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn reading(of: &Reading) -> String {
    match of {
        Reading::Empty => String::from("nothing"),
        Reading::Quantity(quantity) => quantity_line(quantity),
        Reading::Clock(clock) => {
            let half = match clock.after_noon {
                Some(true) => " p.m.",
                Some(false) => " a.m.",
                None => "",
            };
            format!("time {}:{:02}{half}", clock.hour, clock.minute)
        }
        Reading::Date(date) => {
            let year = date.year.map_or_else(String::new, |year| format!("{year}-"));
            format!("date {year}{:02}-{:02}", date.month, date.day)
        }
        Reading::Ratio(parts) => format!("ratio {}", parts.iter().map(value).collect::<Vec<_>>().join(":")),
        Reading::Words(words) => format!("words {words:?}"),
        Reading::Several(shape, items) => several(*shape, items),
        Reading::Set(set) => real_set(set),
        Reading::Relation(of) => relation(of),
        Reading::Congruence(of) => {
            let left = of.left.as_deref().map_or_else(String::new, |left| format!("{left} ≡ "));
            format!("congruence {left}{} (mod {})", value(&of.residue), number(&of.modulus))
        }
        Reading::Based(of) => format!("digits {} in base {}", of.digits, of.base),
        Reading::Family(member, domain) => {
            let domain = if *domain == Domain::Integers { "integer" } else { "natural number" };
            format!("{} for every {domain}", describe(member))
        }
        Reading::Unread => String::from("not read"),
        Reading::OverBudget => String::from("more than the budget"),
    }
}

fn quantity_line(quantity: &Quantity) -> String {
    let unit = quantity.unit.shown();
    let value_text = value(&quantity.value);
    match (&quantity.value, unit.as_str()) {
        (Value::Exact(_), "") => format!("number {value_text}"),
        (Value::Formula(_), "") => format!("expression {value_text}"),
        (_, unit) => format!("quantity {value_text} {unit}"),
    }
}

fn several(shape: Shape, items: &[Answer]) -> String {
    let all: Vec<String> = items.iter().map(describe).collect();
    match shape {
        Shape::Unordered => format!("in any order {{{}}}", all.join("; ")),
        Shape::Between(open, close) => format!("in order {open}{}{close}", all.join("; ")),
        Shape::Matrix(columns) => format!("matrix of {columns} columns [{}]", all.join("; ")),
        Shape::Case => all.join(" if "),
    }
}

fn real_set(set: &RealSet) -> String {
    if set.pieces.is_empty() {
        return String::from("the empty set");
    }
    let pieces: Vec<String> = set.pieces.iter().map(piece).collect();
    format!("interval {}", pieces.join(" ∪ "))
}

fn piece(of: &Piece) -> String {
    if let (End::At { value: low, .. }, End::At { value: high, .. }) = (&of.low, &of.high)
        && low == high
    {
        return format!("{{{}}}", value(low));
    }
    let low = match &of.low {
        End::Infinite => String::from("(-∞"),
        End::At { value: bound, closed } => format!("{}{}", if *closed { '[' } else { '(' }, value(bound)),
    };
    let high = match &of.high {
        End::Infinite => String::from("∞)"),
        End::At { value: bound, closed } => format!("{}{}", value(bound), if *closed { ']' } else { ')' }),
    };
    format!("{low}, {high}")
}

fn relation(of: &Relation) -> String {
    let (kind, sign) = match of.kind {
        Kind::Equal => ("equation", "="),
        Kind::NotEqual => ("inequality", "≠"),
        Kind::Less => ("inequality", "<"),
        Kind::AtMost => ("inequality", "≤"),
    };
    format!("{kind} {} {sign} {}", of.left, of.right)
}

fn value(of: &Value) -> String {
    match of {
        Value::Exact(exact) => number(exact),
        Value::Formula(expression) => expression.to_string(),
    }
}

fn number(of: &Rational) -> String {
    Expression::Number(of.clone()).to_string()
}
