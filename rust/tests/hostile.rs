//! Inputs made to break a grader: each must end soon and without a panic, and none is right.

use std::time::{Duration, Instant};

use pgkern::extract::{Mode, extract};
use pgkern::options::Options;
use pgkern::verdict::Verdict;
use pgkern::verify;

fn equivalent(answer: &str, golds: &[&str]) -> Verdict {
    verify::equivalent(answer, golds, &Options::default())
}

fn verify(completion: &str, golds: &[&str], mode: Mode) -> Verdict {
    verify::verify(completion, golds, mode, &Options::default())
}

/// Far above what any of these takes in a debug build on a busy machine; a quadratic pass takes minutes.
const SOON: Duration = Duration::from_secs(5);

/// Texts that are hostile as they are.
const SHORT: &[&str] = &[
    "9**9**9",
    "9^{9^{9^9}}",
    "99999999!",
    "1e999999999",
    "(x+1)^3000",
    "10^{-10^9}",
    r"\binom{10^9}{5·10^8}",
    r"\frac",
    r"\frac{",
    r"\frac{1}",
    r"\frac{}{}",
    r"\sqrt",
    r"\sqrt[",
    "\0",
    "5\0",
    "\u{202e}5\u{202c}",
    "\u{fffd}",
    r"\begin{matrix}",
    r"\begin",
    r"\left",
    r"\text{",
    "{,}",
    "1{,}",
    ".",
    "..",
    "-",
    "$",
    "$$",
    r"\",
    r"\\",
    "^",
    "_",
    "1/0",
    "0^0",
    "0/0",
    "%",
    "/",
    ":",
    "1:0",
    "±",
    r"\pm",
    "=",
    "x=",
    "=x",
    r"\in",
    "()",
    "[]",
    "(,)",
    ",",
    ",,,",
    "and",
    "or and or",
    "٣",
    "５",
    "½½",
    "1e",
    "1e-",
    "e1",
    "'",
    "\"",
    "<answer>",
    "</answer>",
    "</think>",
    "\\boxed",
    "\\boxed{",
    "####",
    "answer",
    "answer:",
    "answer is",
    "the answer is",
    "the answer is .",
    "\u{85}",
];

/// Texts that are hostile when repeated.
const UNITS: &[&str] = &[
    "{",
    "}",
    "(",
    "[",
    "\\{",
    "$",
    "\\",
    "^",
    "_",
    "1",
    "1,",
    "1 ",
    "1/",
    "-",
    ".",
    "\\boxed{",
    "\\boxed{}",
    "\\frac",
    "\\frac{",
    "\\sqrt{",
    "\\sqrt[",
    "\\text{",
    "\\begin{matrix}",
    "&",
    "\\pm ",
    "answer is ",
    "answer   ",
    "x=",
    "<answer>",
    "</answer>",
    "<think>",
    "####",
    "\\boxed{1},",
    "é",
    "\0",
    " ",
    "\n",
    "\u{200b}",
    "and ",
    "1e",
    "9^",
    "{,}",
];

fn hostile() -> Vec<String> {
    let size = 1 << 18; // a quarter of a megabyte: this is a debug build
    let mut texts: Vec<String> = SHORT.iter().map(|text| (*text).to_owned()).collect();
    for unit in UNITS {
        texts.push(unit.repeat(size / unit.len()));
        texts.push(format!("\\boxed{{{}}}", unit.repeat(4_000)));
    }
    texts.push("\\boxed{1}".repeat(10_000));
    let numbered: Vec<String> = (0..10_000).map(|i| format!("\\boxed{{{i}}}")).collect();
    texts.push(numbered.join(" and "));
    texts.push(format!("{}1{}", "\\sqrt{".repeat(100_000), "}".repeat(100_000)));
    texts.push(format!("\\begin{{pmatrix}}{}\\end{{pmatrix}}", "&".repeat(10_000)));
    texts
}

#[test]
fn every_mode_ends_soon() {
    for text in hostile() {
        for (name, mode) in Mode::ALL {
            let begin = Instant::now();
            let _ = extract(&text, mode);
            let verdict = verify(&text, &["31415926"], mode);
            assert_ne!(verdict, Verdict::Correct, "{name}: {text:.60}");
            assert!(begin.elapsed() < SOON, "{name}: {text:.60} took {:?}", begin.elapsed());
        }
    }
}

#[test]
fn hostile_golds_end_soon() {
    for gold in hostile() {
        let begin = Instant::now();
        assert_ne!(equivalent("31415926", &[&gold]), Verdict::Correct, "{gold:.60}");
        let itself = equivalent(&gold, &[&gold]);
        assert!(!matches!(itself, Verdict::Wrong), "{gold:.60} is not itself: {itself:?}");
        assert!(begin.elapsed() < SOON, "{gold:.60} took {:?}", begin.elapsed());
    }
}

#[test]
fn the_budget_is_a_verdict() {
    assert_eq!(verify("1e999999999", &["3"], Mode::Whole), Verdict::OverBudget);
    for text in ["10^{999999999}", "9^9^9", "\\boxed{9^9^9}", "99999999!"] {
        // Some powers are told apart from 3 without being written out.
        let verdict = verify(text, &["3"], Mode::Whole);
        assert!(matches!(verdict, Verdict::OverBudget | Verdict::Wrong), "{text}: {verdict:?}");
    }
    assert_eq!(verify(&"7".repeat(100_000), &["3"], Mode::Whole), Verdict::OverBudget);
    assert_eq!(equivalent("3", &["1e999999999"]), Verdict::OverBudget);
}
