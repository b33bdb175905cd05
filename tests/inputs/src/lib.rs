//! Everything that comes from outside as bytes, and what must hold whatever they are.
//!
//! Each input is a function that takes bytes and panics where something does not hold that must: above all that nothing
//! of ours panics, and then that what was read can be written and read again, and that two ways of reading agree. The
//! fuzzer in `fuzz/` looks for bytes with which one of them panics; the test here replays those that it has kept.

use std::sync::OnceLock;

use dsiem_core::assets::Assets;
use dsiem_core::backlog::Settings;
use dsiem_core::hash::Seed;

mod events;
mod files;
mod http;
mod life;
mod look_ups;
mod state;

pub use events::{event, events};
pub use files::{assets, directives, example_cases, sources};
pub use http::http_body;
pub use look_ups::look_up_answer;
pub use state::{checkpoint_row, log_row, metrics, snapshot};

/// One kind of input.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Its name, which is that of the fuzzing target and of the folder of its corpus.
    pub name: &'static str,
    /// Takes the bytes, and panics if something does not hold.
    pub check: fn(&[u8]),
}

/// All of them.
pub const INPUTS: [Input; 12] = [
    Input { name: "event", check: event },
    Input { name: "events", check: events },
    Input { name: "http_body", check: http_body },
    Input { name: "directives", check: directives },
    Input { name: "assets", check: assets },
    Input { name: "sources", check: sources },
    Input { name: "example_cases", check: example_cases },
    Input { name: "look_up_answer", check: look_up_answer },
    Input { name: "snapshot", check: snapshot },
    Input { name: "checkpoint_row", check: checkpoint_row },
    Input { name: "log_row", check: log_row },
    Input { name: "metrics", check: metrics },
];

fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| Settings::new(Seed(1)))
}

/// A network where 10.0.0.0/8 is home.
fn home() -> &'static Assets {
    static HOME: OnceLock<Assets> = OnceLock::new();
    HOME.get_or_init(|| {
        let file = br#"{"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]}"#;
        Assets::new(dsiem_core::assets::read("assets_home.json", file).value)
    })
}

/// The first byte, which chooses, and the rest.
fn choice(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}
