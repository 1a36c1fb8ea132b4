//! Every row of `tests/cases` holds, in both directions. All that do not are named at once.

mod case_file;

use std::panic::catch_unwind;

use case_file::{Case, all_cases};
use pgkern::options::Options;
use pgkern::verdict::Verdict;
use pgkern::verify::{equivalent, verify};

#[test]
fn every_row_holds() {
    let cases = all_cases();
    assert!(cases.len() >= 700, "the tables of tests/cases are not all there");
    let mut failures: Vec<String> = cases.iter().flat_map(failures_of).collect();
    failures.sort_by_key(|failure| !failure.contains(": Correct, not ")); // a wrong CORRECT is the worst
    assert!(failures.is_empty(), "{} of {} rows fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn failures_of(case: &Case) -> Vec<String> {
    let forward = (case.answer.as_str(), case.gold.as_str(), case.verdicts.clone());
    let backward = (
        case.gold.as_str(),
        case.answer.as_str(),
        case.verdicts.iter().flat_map(|verdict| swapped(*verdict)).copied().collect(),
    );
    let directions = if case.one_way { vec![forward] } else { vec![forward, backward] };
    directions
        .into_iter()
        .filter_map(|(answer, gold, allowed): (&str, &str, Vec<Verdict>)| {
            let found = catch_unwind(|| match case.mode {
                Some(mode) => verify(answer, &[gold], mode, &case.options),
                None => equivalent(answer, &[gold], &case.options),
            });
            match found {
                Ok(verdict) if allowed.contains(&verdict) => None,
                Ok(verdict) => Some(line(case, gold, answer, &format!("{verdict:?}"), &allowed)),
                Err(_) => Some(line(case, gold, answer, "a panic", &allowed)),
            }
        })
        .collect()
}

/// The verdicts the other way round: what is missing is missing on the other side.
fn swapped(verdict: Verdict) -> &'static [Verdict] {
    match verdict {
        Verdict::Unparsed => &[Verdict::Unparsed, Verdict::BadGold],
        Verdict::NoAnswer => &[Verdict::BadGold],
        Verdict::BadGold => &[Verdict::Unparsed, Verdict::NoAnswer],
        Verdict::Correct => &[Verdict::Correct],
        Verdict::Wrong => &[Verdict::Wrong],
        Verdict::OverBudget => &[Verdict::OverBudget],
    }
}

fn line(case: &Case, gold: &str, answer: &str, found: &str, allowed: &[Verdict]) -> String {
    let options = if case.options == Options::default() { String::new() } else { format!(" ({:?})", case.options) };
    format!("{}: gold {gold:.80?}, answer {answer:.80?}{options}: {found}, not {allowed:?}", case.place)
}
