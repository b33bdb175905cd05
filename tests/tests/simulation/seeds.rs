//! Runs many seeds, on all processors, each on one thread; tells of the first that fails.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;

use crate::plan::Plan;

/// What `make test` tries.
const DEFAULT: Range<u64> = 0..2_000;

/// How long a smaller plan that fails too is looked for.
const SHRINKING: Duration = Duration::from_secs(30);

/// The seeds that `SIM_SEEDS` names.
pub(crate) fn wanted() -> Range<u64> {
    let Ok(text) = std::env::var("SIM_SEEDS") else { return DEFAULT };
    let number =
        |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("SIM_SEEDS: {text:?} is no seed"));
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    }
}

/// Runs `seeds` and adds up what they give; panics with the first that fails.
pub(crate) fn check(
    seeds: Range<u64>,
    run: impl Fn(u64) -> anyhow::Result<(usize, usize)> + Sync,
) -> (usize, usize) {
    let next = AtomicU64::new(seeds.start);
    let (sum, failure) = (Mutex::new((0, 0)), Mutex::new(None));
    let work = || {
        while let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < seeds.end
        {
            match run(seed) {
                Ok((links, alarms)) => {
                    let mut sum = sum.lock().unwrap();
                    *sum = (sum.0 + links, sum.1 + alarms);
                }
                Err(error) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    failure.lock().unwrap().get_or_insert((seed, format!("{error:#}")));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some((seed, error)) = failure.into_inner().unwrap() {
        panic!("seed {seed}: {error}\n\n{}\nSee it again with\n\n    make sim SEEDS={seed}\n", smaller(seed));
    }
    sum.into_inner().unwrap()
}

/// A smaller plan that fails too, and how.
fn smaller(seed: u64) -> String {
    let mut tree = Plan::tree(seed);
    let started = Instant::now();
    let mut smallest = None;
    let mut is_failing = true;
    while started.elapsed() < SHRINKING && if is_failing { tree.simplify() } else { tree.complicate() } {
        let plan = tree.current();
        let failed = crate::run(&plan).err();
        is_failing = failed.is_some();
        if let Some(error) = failed {
            smallest = Some((plan, error));
        }
    }
    match smallest {
        Some((plan, error)) => format!("A smaller plan fails too: {error:#}\n\n{plan:#?}\n"),
        None => format!("{:#?}\n", Plan::tree(seed).current()),
    }
}
