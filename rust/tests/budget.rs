//! Whatever the text, a check stays within its units of work and 64 MB, and ends. One test: it counts all memory.

#![allow(unsafe_code)] // an allocator that counts cannot be written without

mod case_file;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use case_file::all_cases;
use pgkern::budget::UNITS_PER_CHECK;
use pgkern::explain::explain;
use pgkern::extract::Mode;
use pgkern::options::Options;
use pgkern::verdict::Verdict;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system's; only the sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEMORY: usize = 64 << 20;
/// Hundreds of times what a check may take: this is a debug build on a busy machine, and a hang takes for ever.
const FOR_EVER: Duration = Duration::from_secs(10);

#[test]
fn no_text_takes_more_than_one_check_may() {
    let mut failures = Vec::new();
    for case in all_cases().iter().filter(|case| case.place.starts_with("hostile")) {
        let boxed = format!("So the answer is $\\boxed{{{}}}$.", case.answer);
        for (what, text, gold, mode) in [
            ("as an answer", &case.answer, &case.gold, Mode::Whole),
            ("as a gold", &case.gold, &case.answer, Mode::Whole),
            ("as both", &case.answer, &case.answer, Mode::Whole),
            ("as a completion", &case.answer, &case.gold, Mode::Auto),
            ("in a box", &boxed, &case.gold, Mode::Auto),
        ] {
            if let Some(failure) = failure_of(text, gold, mode, &case.options) {
                failures.push(format!("{} {what}: {failure}: {:.60?}", case.place, case.answer));
            }
        }
    }
    assert!(failures.is_empty(), "{} checks are too dear:\n{}", failures.len(), failures.join("\n"));
}

fn failure_of(text: &str, gold: &str, mode: Mode, options: &Options) -> Option<String> {
    let (before, begin) = (HELD.load(Relaxed), Instant::now());
    PEAK.store(before, Relaxed);
    let explanation = explain(text, &[gold], mode, options);
    let (peak, time) = (PEAK.load(Relaxed) - before, begin.elapsed());
    if explanation.work > UNITS_PER_CHECK {
        return Some(format!("{} units of work", explanation.work));
    }
    if peak > MEMORY {
        return Some(format!("{} MB", peak >> 20));
    }
    if time > FOR_EVER {
        return Some(format!("{time:?}"));
    }
    let plain = gold.chars().all(|character| character.is_ascii_digit()) && gold.len() < 20;
    let same = text.chars().filter(char::is_ascii_digit).eq(gold.chars());
    (plain && !same && explanation.verdict == Verdict::Correct).then(|| "CORRECT".to_owned())
}
