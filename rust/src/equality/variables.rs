//! The variables of an expression, and values in their places.

use std::collections::BTreeSet;

use crate::certified::Point;
use crate::expression::Expression;

/// The names of the variables in `expression`. It recurs no deeper than the tree.
#[must_use]
pub fn variables(expression: &Expression) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(expression, &mut names);
    names
}

/// Whether `expression` holds no variable and no function that nobody knows.
#[must_use]
pub fn is_constant(expression: &Expression) -> bool {
    match expression {
        Expression::Variable(_) | Expression::Call(..) => false,
        _ => expression.children().into_iter().all(is_constant),
    }
}

fn collect(expression: &Expression, names: &mut BTreeSet<String>) {
    if let Expression::Variable(name) = expression {
        if !names.contains(name) {
            names.insert(name.clone());
        }
        return;
    }
    for child in expression.children() {
        collect(child, names);
    }
}

/// `expression` with the values of `point` in the places of its variables.
pub(super) fn at(expression: &Expression, point: &Point) -> Expression {
    let all = |children: &[Expression]| children.iter().map(|child| at(child, point)).collect();
    let one = |child: &Expression| Box::new(at(child, point));
    match expression {
        Expression::Number(_) | Expression::Constant(_) => expression.clone(),
        Expression::Variable(name) => {
            point.get(name).map_or_else(|| expression.clone(), |value| Expression::Number(value.clone()))
        }
        Expression::Sum(children) => Expression::Sum(all(children)),
        Expression::Product(children) => Expression::Product(all(children)),
        Expression::Call(name, children) => Expression::Call(name.clone(), all(children)),
        Expression::Quotient(above, below) => Expression::Quotient(one(above), one(below)),
        Expression::Power(base, exponent) => Expression::Power(one(base), one(exponent)),
        Expression::Binomial(upper, lower) => Expression::Binomial(one(upper), one(lower)),
        Expression::Root(degree, of) => Expression::Root(*degree, one(of)),
        Expression::Apply(function, of) => Expression::Apply(*function, one(of)),
    }
}
