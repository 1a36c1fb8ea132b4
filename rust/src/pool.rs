//! The threads a batch call runs on: one pool per asked-for size, kept for the life of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The pools of one process. Threads do not survive a fork, so a child (a data loader's worker) starts with none.
struct Pools {
    process: u32,
    by_size: HashMap<usize, Arc<ThreadPool>>,
}

static POOLS: Mutex<Option<Pools>> = Mutex::new(None);

/// The pool of `num_threads` threads, or of as many as the process may run at once for `None`.
///
/// # Errors
/// The operating system refused to start the threads.
pub fn pool_of(num_threads: Option<usize>) -> Result<Arc<ThreadPool>, ThreadPoolBuildError> {
    let size = num_threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let process = std::process::id();
    let mut slot = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_some_and(|pools| pools.process != process) {
        std::mem::forget(slot.take()); // the parent's pools: joining their threads here would wait for ever
    }
    let pools = slot.get_or_insert_with(|| Pools { process, by_size: HashMap::new() });
    if let Some(pool) = pools.by_size.get(&size) {
        return Ok(Arc::clone(pool));
    }
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(size).build()?);
    pools.by_size.insert(size, Arc::clone(&pool));
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::pool_of;

    #[test]
    fn one_pool_per_size_is_kept() {
        let first = pool_of(Some(2)).expect("two threads start");
        let second = pool_of(Some(2)).expect("two threads start");
        assert!(std::sync::Arc::ptr_eq(&first, &second));
        assert_eq!(first.current_num_threads(), 2);
        assert_eq!(pool_of(Some(3)).expect("three threads start").current_num_threads(), 3);
    }
}
