//! A gold and an answer, with a NUL between: no panic, the budget is kept, and what is right is not wrong the other way round.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgkern::answer::choice::letter_of_gold;
use pgkern::budget::UNITS_PER_CHECK;
use pgkern::explain::explain;
use pgkern::extract::Mode;
use pgkern::options::Options;
use pgkern::verdict::Verdict;
use pgkern::verify::equivalent;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (gold, answer) = text.split_once('\0').unwrap_or((&text, &text));
    let options = Options::default();
    let explanation = explain(answer, &[gold], Mode::Whole, &options);
    assert!(explanation.work <= UNITS_PER_CHECK, "{} units", explanation.work);
    let forward = equivalent(answer, &[gold], &options);
    let backward = equivalent(gold, &[answer], &options);
    // A gold may count what nobody knows ("12 zorgs"); an answer that does is not understood.
    let contradict = [(forward, backward), (backward, forward)].contains(&(Verdict::Correct, Verdict::Wrong));
    assert!(
        !contradict || one_way(gold, answer),
        "gold {gold:?}, answer {answer:?}: {forward:?}, the other way {backward:?}"
    );
    assert_ne!(equivalent(gold, &[gold], &options), Verdict::Wrong, "{gold:?} is not itself");
});

/// A gold that is a letter takes that letter with its text, and one in a base takes bare digits; not the other way round.
fn one_way(gold: &str, answer: &str) -> bool {
    [gold, answer].iter().any(|text| text.contains(['_', '₀']) || letter_of_gold(text).is_some())
}
