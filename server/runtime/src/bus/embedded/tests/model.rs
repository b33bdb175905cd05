//! A property: whatever is published, read, acknowledged and restarted in whatever order, what was answered comes out
//! once after the place that was given, in order, and nothing else.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Publish {
        count: usize,
        size: usize,
    },
    Take(usize),
    Acknowledge,
    /// With the place that was reached last, or with that of the last acknowledgement.
    Restart {
        reached: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20_usize, prop_oneof![3 => 1..500_usize, 1 => Just(30_000_usize)])
            .prop_map(|(count, size)| Step::Publish { count, size }),
        4 => (1..30_usize).prop_map(Step::Take),
        2 => Just(Step::Acknowledge),
        1 => any::<bool>().prop_map(|reached| Step::Restart { reached }),
    ]
}

/// What should be there.
#[derive(Default)]
struct Model {
    sizes: Vec<usize>,
    /// How many have been handed out, and how many of these are acknowledged.
    taken: usize,
    acknowledged: usize,
}

impl Model {
    fn names(&self, range: Range<usize>) -> Vec<String> {
        range.map(|number| format!("{number:0width$}", width = self.sizes[number])).collect()
    }
}

async fn check(steps: Vec<Step>) {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    let mut model = Model::default();
    let mut stream = StreamId(0);
    for step in steps {
        let place = |count| (count > 0).then_some(Position { stream, sequence: count as u64 });
        match step {
            Step::Publish { count, size } => {
                let start = model.sizes.len();
                model.sizes.extend(vec![size; count]);
                process.publish(model.names(start..start + count)).await.unwrap();
            }
            Step::Take(count) => {
                let count = count.min(model.sizes.len() - model.taken);
                if count == 0 {
                    continue;
                }
                let (names, reached) = process.take(count).await;
                assert_eq!(names, model.names(model.taken..model.taken + count));
                model.taken += count;
                stream = reached.unwrap().stream;
                assert_eq!(reached.unwrap().sequence, model.taken as u64);
            }
            Step::Acknowledge => {
                model.acknowledged = model.taken;
                if let Some(place) = place(model.taken) {
                    process.bus.subscription.acknowledger().acknowledge(place);
                }
            }
            Step::Restart { reached } => {
                let count = if reached { model.taken } else { model.acknowledged };
                process.stop().await;
                process = Process::start(folder.path(), place(count));
                // Opening at a place acknowledges what lies before it.
                (model.taken, model.acknowledged) = (count, count);
            }
        }
        assert_eq!(process.bus.subscription.queue_length(), model.sizes.len() - model.taken);
        assert!(process.degraded().is_empty());
    }
    process.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_simple_as_a_list(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(check(steps));
    }
}
