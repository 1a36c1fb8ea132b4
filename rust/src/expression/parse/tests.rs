//! What is read how, what is no expression, and what is too much.

use super::parse_text;
use crate::budget::{Budget, OverBudget};
use crate::expression::Expression;

fn read(text: &str) -> Result<Option<Expression>, OverBudget> {
    parse_text(text, &Budget::for_one_check())
}

fn shown(text: &str) -> String {
    match read(text) {
        Ok(Some(expression)) => expression.to_string(),
        Ok(None) => String::from("none"),
        Err(OverBudget) => String::from("over budget"),
    }
}

/// Fails with every row that is not as expected, not with the first alone.
fn check(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(text, expected)| shown(text) != *expected)
        .map(|(text, expected)| format!("{text}: {} and not {expected}", shown(text)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn operators_bind_as_they_should() {
    check(&[
        ("1+2*3", "1 + 2*3"),
        ("a-b-c", "a - b - c"),
        ("a-(b-c)", "a - (b - c)"),
        ("-2^2", "-2^2"),
        ("(-2)^2", "(-2)^2"),
        ("2^3^2", "2^(3^2)"),
        ("2**3**2", "2^(3^2)"),
        ("2**-1", "2^(-1)"),
        ("- -5", "5"),
        ("+-5", "-5"),
        ("2*-3", "2*(-3)"),
        ("1/2x", "1/2*x"),
        ("1/(2x)", "1/(2*x)"),
        ("2x/3", "2*x/3"),
        ("a/b/c", "a/(b*c)"),
        (r"6 \div 2", "6/2"),
        ("3x", "3*x"),
        (r"2\pi r", "2*pi*r"),
        ("(a+b)(a-b)", "(a + b)*(a - b)"),
        (r"3\sqrt2", "3*sqrt(2)"),
        ("2(3)", "2*3"),
        ("[a+b](c)", "(a + b)*c"),
        ("(x+1)^2(x-1)", "(x + 1)^2*(x - 1)"),
        ("-x^2+1", "-x^2 + 1"),
        ("x^{2}y", "x^2*y"),
    ]);
}
