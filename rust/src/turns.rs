//! Many small results, worked out by any number of threads in turns that end in time.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Instant;

/// A thread takes at most this many results at a time: enough that taking and looking at the clock cost nothing.
const AT_A_TIME: usize = 16;

/// Results `0..n` of a function, each worked out once, by whichever thread comes to it first.
pub struct Turns<F> {
    result_of: F,
    next: AtomicUsize,
    results: Vec<AtomicU8>,
}

impl<F: Fn(usize) -> u8 + Sync> Turns<F> {
    /// Nothing is worked out yet.
    pub fn new(count: usize, result_of: F) -> Self {
        let results = std::iter::repeat_with(|| AtomicU8::new(0)).take(count).collect();
        Self { result_of, next: AtomicUsize::new(0), results }
    }

    /// Works on what is left until all of it is taken or the time has come. To be called by `threads` threads at once;
    /// what one has begun it finishes.
    pub fn take(&self, threads: usize, until: Instant) {
        let count = self.results.len();
        // The last ones should leave no thread without work for long.
        let at_a_time = (count / (8 * threads.max(1))).clamp(1, AT_A_TIME);
        loop {
            let begin = self.next.fetch_add(at_a_time, Ordering::Relaxed).min(count);
            let end = count.min(begin + at_a_time);
            for (index, result) in self.results.iter().enumerate().take(end).skip(begin) {
                result.store((self.result_of)(index), Ordering::Relaxed);
            }
            if end == count || Instant::now() >= until {
                return;
            }
        }
    }

    /// Whether everything is taken; between two turns that is whether everything is done.
    pub fn are_over(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.results.len()
    }

    /// The results in order.
    pub fn into_results(self) -> Vec<u8> {
        self.results.into_iter().map(AtomicU8::into_inner).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Turns;

    fn expected(count: usize) -> Vec<u8> {
        (0..count).map(|index| u8::try_from(index % 251).unwrap_or(0)).collect()
    }

    #[test]
    fn each_result_is_worked_out_once_and_stands_in_its_place() {
        for count in [0, 1, 15, 16, 17, 1000] {
            let wanted = expected(count);
            let turns = Turns::new(count, |index| wanted[index]);
            let until = Instant::now() + Duration::from_mins(1);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| turns.take(3, until));
                }
            });
            assert!(turns.are_over());
            assert_eq!(turns.into_results(), wanted);
        }
    }

    #[test]
    fn a_turn_ends_in_time_and_the_next_goes_on() {
        let wanted = expected(100);
        let turns = Turns::new(100, |index| wanted[index]);
        let mut count = 0;
        while !turns.are_over() {
            turns.take(1, Instant::now());
            count += 1;
        }
        assert_eq!(count, 100usize.div_ceil(12));
        assert_eq!(turns.into_results(), wanted);
    }
}
