//! Any bytes as one expression: no panic, and the budget is kept.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgkern::budget::{Budget, UNITS_PER_CHECK};
use pgkern::expression::parse::parse_text;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let budget = Budget::for_one_check();
    let _ = parse_text(&text, &budget);
    assert!(budget.spent() <= UNITS_PER_CHECK);
});
