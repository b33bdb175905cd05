//! The very parts of production on one thread, with paused time, through lives that end at any moment.
//!
//! A seed makes a plan: directives, events that reach the bus in another order than they were received, attempts to send
//! them again, checkpoints, kills in the midst of anything, stops and restarts. What comes out has to be what comes out
//! of one undisturbed life with the same events, and what the naive model of `server/core/tests/properties` makes of
//! them. A seed that fails prints how to see it again, and a smaller plan that fails too.
//!
//! `SIM_SEEDS` says which seeds: `0..100000`, or one.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../server/core/tests/properties/cases.rs"]
mod cases;
mod every_write;
mod life;
#[path = "../../../server/core/tests/properties/model.rs"]
mod model;
mod outcome;
mod plan;
mod seeds;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use proptest::strategy::ValueTree;

use outcome::Outcome;
use plan::Plan;
use world::World;

/// Where files that are synced all the time cost little, if there is such a place.
const QUICK_FOLDER: &str = "/dev/shm";

fn home() -> tempfile::TempDir {
    let quick = PathBuf::from(QUICK_FOLDER);
    let folder = if quick.is_dir() { quick } else { std::env::temp_dir() };
    tempfile::tempdir_in(&folder).or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs a plan; how many links and alarms there were.
fn run(plan: &Plan) -> anyhow::Result<(usize, usize)> {
    let (home, other) = (home(), home());
    let model = Outcome::of_model(plan);
    let undisturbed = outcome(other.path(), World::new(plan, other.path()).undisturbed())?;
    let disturbed = outcome(home.path(), World::new(plan, home.path()).disturbed())?;
    if let Some(difference) = disturbed.difference(&undisturbed, model.fallen()) {
        return Err(anyhow!("not as in an undisturbed run: {difference}"));
    }
    let size = undisturbed.size();
    if let Some(difference) = undisturbed.for_the_model().difference(&model, model.fallen()) {
        return Err(anyhow!("not as the model says: {difference}"));
    }
    Ok(size)
}

fn outcome(home: &Path, ended: anyhow::Result<()>) -> anyhow::Result<Outcome> {
    ended?;
    Outcome::read(home)
}

#[test]
fn any_seed_comes_to_the_same_as_an_undisturbed_run_and_as_the_model() {
    let seeds = seeds::wanted();
    let (links, alarms) = seeds::check(seeds.clone(), |seed| run(&Plan::tree(seed).current()));
    let count = usize::try_from(seeds.end - seeds.start).unwrap();
    eprintln!("{count} seeds: {links} links, {alarms} alarms");
    if count >= 100 {
        assert!(links > count * 5 && alarms > count, "too little happens: {links} links, {alarms} alarms");
    }
}

/// A failure can only be looked into if it can be seen again.
#[test]
fn a_seed_is_the_same_each_time() -> anyhow::Result<()> {
    for seed in 0..10 {
        let plan = Plan::tree(seed).current();
        let files = || -> anyhow::Result<Vec<Vec<u8>>> {
            let home = home();
            World::new(&plan, home.path()).disturbed()?;
            let names = ["siem_alarms.json", "siem_alarm_events.json"];
            Ok(names.iter().map(|name| std::fs::read(home.path().join(name))).collect::<Result<_, _>>()?)
        };
        ensure!(files()? == files()?, "seed {seed} is different the second time");
    }
    Ok(())
}
