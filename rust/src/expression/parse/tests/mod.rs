//! What is read how, and what must not be read.

mod hostile;
mod tables;

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
