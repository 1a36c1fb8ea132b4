//! What holds for every text: no panic, no direction, no dependence on spelling, and nothing wrong that is right.

mod spelled;

use pgkern::budget::UNITS_PER_CHECK;
use pgkern::explain::explain;
use pgkern::extract::{Mode, extract};
use pgkern::options::{Options, Order, Percent, Tolerance, Units};
use pgkern::verdict::Verdict::{self, Correct, OverBudget, Wrong};
use pgkern::verify::{equivalent, verify};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spelled::{Tree, trees};

/// The same cases in every run.
fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() }
}

fn compared(answer: &str, gold: &str) -> Verdict {
    equivalent(answer, &[gold], &Options::default())
}

fn options() -> impl Strategy<Value = Options> {
    let tolerance = prop_oneof![Just(Tolerance::NineDigits), Just(Tolerance::Exact), Just(Tolerance::Relative(0.01))];
    let percent = prop_oneof![Just(Percent::Either), Just(Percent::Hundredths), Just(Percent::Number)];
    let units = prop_oneof![Just(Units::Optional), Just(Units::Required), Just(Units::Ignored)];
    let order = prop_oneof![Just(Order::AsWritten), Just(Order::Ordered), Just(Order::Any)];
    let all = (tolerance, percent, units, order);
    all.prop_map(|(tolerance, percent, units, order)| Options { tolerance, percent, units, order })
}

/// Pieces of answers in any order: what a reader meets when a model writes nonsense.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "1",
        "2",
        "-3",
        "0.5",
        "1,000",
        "x",
        "y",
        "n",
        "+",
        "-",
        "*",
        "/",
        "^",
        "_",
        "=",
        "<",
        "\\le ",
        "\\ne ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\\{",
        "\\}",
        "|",
        ",",
        ";",
        ":",
        ".",
        "!",
        "%",
        "\\%",
        "$",
        "\\$",
        "°",
        "^\\circ",
        " ",
        "\\frac",
        "\\frac{1}{2}",
        "\\sqrt",
        "\\sqrt{2}",
        "\\sqrt[3]{x}",
        "\\pi",
        "e",
        "i",
        "\\infty",
        "\\sin ",
        "\\ln ",
        "\\log_2 ",
        "\\pm ",
        "\\mp ",
        "\\cup ",
        "\\in ",
        "\\mathbb{R}",
        "\\setminus ",
        "\\emptyset",
        "\\text{ and }",
        "\\text{",
        "or ",
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "&",
        "\\\\",
        "\\left(",
        "\\right)",
        "\\left|",
        "\\right|",
        "\\lfloor ",
        "\\rfloor ",
        "\\binom{n}{2}",
        "\\overline{3}",
        "\\pmod 5",
        "\\equiv ",
        "cm",
        "hours",
        "dollars",
        "a.m.",
        "May 5",
        "three",
        "million",
        "percent",
        "\\boxed{",
        "<answer>",
        "</answer>",
        "####",
        "The answer is ",
        "\n",
        "\0",
        "½",
        "٣",
        "é",
        "\u{202e}",
    ]);
    prop::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![3 => soup(), 1 => any::<String>(), 1 => trees(&['x', 'y'], true).prop_map(|tree| tree.spelled(&[2]))]
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn no_text_breaks_anything(text in texts(), gold in texts(), options in options()) {
        for (_, mode) in Mode::ALL {
            let _ = extract(&text, mode);
            let verdict = verify(&text, &[&gold], mode, &options);
            let explanation = explain(&text, &[&gold], mode, &options);
            prop_assert_eq!(explanation.verdict, verdict);
            prop_assert!(explanation.work <= UNITS_PER_CHECK);
        }
    }

    #[test]
    fn a_text_is_never_not_itself(text in texts()) {
        prop_assert_ne!(compared(&text, &text), Wrong);
    }

    #[test]
    fn the_same_question_has_the_same_answer(text in texts(), gold in texts()) {
        prop_assert_eq!(compared(&text, &gold), compared(&text, &gold));
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn rational_functions_are_what_they_are_in_every_spelling(
        tree in trees(&['x', 'y'], false), one in habits(), other in habits(),
    ) {
        let (one, other) = (tree.spelled(&one), tree.spelled(&other));
        prop_assert_eq!(compared(&one, &other), Correct, "{} and {}", one, other);
    }

    #[test]
    fn radicals_are_what_they_are_in_every_spelling(tree in trees(&[], true), one in habits(), other in habits()) {
        let (one, other) = (tree.spelled(&one), tree.spelled(&other));
        let verdict = compared(&one, &other);
        // A degree of 2^12 is beyond the budget where both are not spelled alike.
        prop_assert!(matches!(verdict, Correct | OverBudget), "{} and {}: {:?}", one, other, verdict);
    }

    #[test]
    fn wrapping_changes_nothing(tree in trees(&['x'], false), habits in habits()) {
        let plain = tree.spelled(&habits);
        for wrapped in [
            format!("${plain}$"), format!("\\({plain}\\)"), format!("\\[ {plain} \\]"), format!("{plain}."),
            format!("  {plain} "), format!("\\displaystyle {plain}"), format!("({plain})"), format!("\\left({plain}\\right)"),
            format!("{{{plain}}}"), format!("\\boxed{{{plain}}}"),
        ] {
            prop_assert_eq!(compared(&wrapped, &plain), Correct, "{} and {}", wrapped, plain);
        }
    }

    #[test]
    fn another_literal_is_another_value(
        tree in trees(&['x', 'y'], true), at in any::<prop::sample::Index>(), one in habits(), other in habits(),
    ) {
        prop_assume!(tree.literals() > 0);
        let near = tree.perturbed(at.index(tree.literals()));
        let (one, other) = (tree.spelled(&one), near.spelled(&other));
        for verdict in [compared(&one, &other), compared(&other, &one)] {
            prop_assert!(matches!(verdict, Wrong | OverBudget), "{} and {}: {:?}", one, other, verdict);
        }
    }

    #[test]
    fn being_right_has_no_direction(one in trees(&['x'], true), other in trees(&['x'], true), habits in habits()) {
        let (one, other) = (one.spelled(&habits), other.spelled(&habits));
        let (there, back) = (compared(&one, &other), compared(&other, &one));
        prop_assert_eq!(there == Correct, back == Correct, "{} and {}", one, other);
        prop_assert_eq!(there == Wrong, back == Wrong, "{} and {}", one, other);
    }
}

fn habits() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..9)
}

#[test]
fn perturbing_reaches_every_literal() {
    let tree = Tree::Sum(Box::new(Tree::Literal(1)), Box::new(Tree::Root(Box::new(Tree::Literal(2)))));
    assert_eq!(tree.perturbed(0).spelled(&[2]), "2+\\,\\sqrt{2}");
    assert_eq!(tree.perturbed(1).spelled(&[2]), "1+\\,\\sqrt{3}");
}
