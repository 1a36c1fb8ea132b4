//! The tables of `tests/cases`: what is equal to what. Their README says how a row is written.

#![allow(dead_code)] // each test reads what it needs

use std::path::{Path, PathBuf};

use pgkern::extract::Mode;
use pgkern::options::{Options, Order, Percent, Tolerance, Units};
use pgkern::verdict::Verdict;

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Case {
    /// `file:line`.
    pub place: String,
    pub gold: String,
    /// A bare answer or, where there is a mode, a completion.
    pub answer: String,
    pub verdicts: Vec<Verdict>,
    pub options: Options,
    pub mode: Option<Mode>,
    pub one_way: bool,
}

/// Every row of every table, in the order of the files' names.
pub fn all_cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("tests/cases is a folder")
        .map(|entry| entry.expect("an entry of tests/cases").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
        .collect();
    files.sort();
    files.iter().flat_map(|path| cases_of(path)).collect()
}

fn cases_of(path: &Path) -> Vec<Case> {
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    let text = std::fs::read_to_string(path).expect("a table is UTF-8");
    let rows = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rows.map(|(number, line)| case_of(format!("{name}:{}", number + 1), line)).collect()
}

fn case_of(place: String, line: &str) -> Case {
    let mut cells = line.split('\t');
    let (Some(gold), Some(answer), Some(verdicts)) = (cells.next(), cells.next(), cells.next()) else {
        panic!("{place}: a row is gold, answer, verdict, options, note");
    };
    let (options, mode) = options_of(cells.next().unwrap_or(""), &place);
    let note = cells.next().unwrap_or("");
    Case {
        gold: unfolded(gold),
        answer: unfolded(answer),
        verdicts: verdicts.split('|').map(|name| verdict_of(name, &place)).collect(),
        options,
        mode,
        one_way: mode.is_some() || note.contains("one way"),
        place,
    }
}

fn verdict_of(name: &str, place: &str) -> Verdict {
    match name {
        "WRONG" => Verdict::Wrong,
        "CORRECT" => Verdict::Correct,
        "NO_ANSWER" => Verdict::NoAnswer,
        "UNPARSED" => Verdict::Unparsed,
        "BAD_GOLD" => Verdict::BadGold,
        "OVER_BUDGET" => Verdict::OverBudget,
        _ => panic!("{place}: {name:?} is no verdict"),
    }
}

fn options_of(cell: &str, place: &str) -> (Options, Option<Mode>) {
    let mut options = Options::default();
    let mut mode = None;
    for word in cell.split_whitespace() {
        match word.split_once('=') {
            Some(("mode", name)) => mode = Some(name.parse().expect("a mode")),
            Some(("tolerance", "0")) => options.tolerance = Tolerance::Exact,
            Some(("tolerance", part)) => options.tolerance = Tolerance::Relative(part.parse().expect("a number")),
            Some(("percent", "hundredths")) => options.percent = Percent::Hundredths,
            Some(("percent", "number")) => options.percent = Percent::Number,
            Some(("units", "required")) => options.units = Units::Required,
            Some(("units", "ignored")) => options.units = Units::Ignored,
            Some(("order", "ordered")) => options.order = Order::Ordered,
            Some(("order", "any")) => options.order = Order::Any,
            _ => panic!("{place}: {word:?} is no option"),
        }
    }
    (options, mode)
}

/// The text a cell stands for.
fn unfolded(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once('«') {
        let (repeated, after) = after.split_once('»').expect("« has its »");
        let (unit, count) = repeated.rsplit_once('×').expect("«text×count»");
        text.push_str(before);
        text.push_str(&unit.repeat(count.parse().expect("a count")));
        rest = after;
    }
    text.push_str(rest);
    text.replace('␤', "\n").replace('␀', "\0")
}
