//! Two expressions with a NUL between: equality has no direction, certified values do not contradict it, and nothing
//! is one more than itself.

#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use pgkern::budget::{Budget, OverBudget};
use pgkern::certified::{Point, Precision, evaluate};
use pgkern::equality::{Equality, equal, variables};
use pgkern::expression::Expression;
use pgkern::expression::parse::parse_text;
use pgkern::number::rational::Rational;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = text.split_once('\0').unwrap_or((&text, "x"));
    let (Some(one), Some(other)) = (parsed(one), parsed(other)) else { return };

    let there = equal(&one, &other, &Budget::for_one_check());
    let back = equal(&other, &one, &Budget::for_one_check());
    if let (Ok(there), Ok(back)) = (there, back) {
        assert!(there == back || there == Equality::Undecided || back == Equality::Undecided, "{text:?}");
    }
    if there == Ok(Equality::Equal) {
        for seed in 1..4 {
            assert!(may_agree(&one, &other, &point(seed)), "{text:?} are not equal at point {seed}");
        }
    }
    let more = Expression::Sum(vec![one.clone(), Expression::Number(Rational::from(1))]);
    assert_ne!(equal(&one, &more, &Budget::for_one_check()), Ok::<_, OverBudget>(Equality::Equal), "{text:?} + 1");
    assert_ne!(equal(&one, &one, &Budget::for_one_check()), Ok(Equality::Different), "{text:?}");
});

fn parsed(text: &str) -> Option<Expression> {
    parse_text(text, &Budget::for_one_check()).ok().flatten()
}

fn point(seed: i64) -> Point {
    let mut point = Point::nowhere();
    for (at, name) in ["x", "y", "z", "n", "a", "b", "c", "k", "t", "m"].into_iter().enumerate() {
        let at = i64::try_from(at).unwrap_or(0);
        let quotient = Rational::from(seed * 17 + at * 5 - 40).over(&Rational::from(7 + 2 * seed));
        point.set(name, quotient.unwrap_or_else(|| Rational::from(1)));
    }
    point
}

/// Whether the values of both at the point are not certainly apart, where they and all their parts are real.
fn may_agree(one: &Expression, other: &Expression, point: &Point) -> bool {
    let budget = Budget::of(50_000_000);
    if !(is_real(one, point, &budget) && is_real(other, point, &budget)) {
        return true;
    }
    let (Ok(one), Ok(other)) = (evaluate(one, point, 128, &budget), evaluate(other, point, 128, &budget)) else {
        return true;
    };
    one.plus(&other.negated(), Precision { bits: 200, budget: &budget }).is_ok_and(|apart| apart.contains_zero())
}

fn is_real(expression: &Expression, point: &Point, budget: &Budget) -> bool {
    if let Expression::Power(base, exponent) = expression {
        // The exponent of a negative number is taken for a whole one, which it is at none of the points.
        let positive = evaluate(base, point, 64, budget).is_ok_and(|base| base.sign() == Some(Ordering::Greater));
        if !positive && !variables(exponent).is_empty() {
            return false;
        }
    }
    let parts: Vec<&Expression> = match expression {
        Expression::Sum(parts) | Expression::Product(parts) | Expression::Call(_, parts) => parts.iter().collect(),
        Expression::Quotient(one, other) | Expression::Power(one, other) | Expression::Binomial(one, other) => {
            vec![one, other]
        }
        Expression::Root(_, inner) | Expression::Apply(_, inner) => vec![inner],
        _ => Vec::new(),
    };
    evaluate(expression, point, 64, budget).is_ok_and(|value| value.is_exactly_real())
        && parts.into_iter().all(|part| is_real(part, point, budget))
}
