//! State at rest: files of saved backlogs, rows of checkpoints and of the event log; and what `dsiem ledger` reads.

use std::sync::{Arc, OnceLock};

use dsiem_core::directive::check::{self, Mode};
use dsiem_core::directive::{Directive, file};
use dsiem_core::event::json;
use dsiem_core::snapshot::{self, DirectiveState, Header, dsiem_rs, record};
use dsiem_core::time::ReceiptTime;
use dsiem_frontend::counters::EQUATIONS;
use dsiem_runtime::bus::embedded;
use dsiem_runtime::ledger::Samples;
use serde_json::Value;

use crate::{choice, life, settings};

/// Definitions of which backlogs are read.
const DIRECTIVES: &str = include_str!("../../../directives/directives_authentication.json");

/// Rows have at most so many events here.
const MAX_EVENTS: u64 = 8;

fn directive() -> &'static Arc<Directive> {
    static DIRECTIVE: OnceLock<Arc<Directive>> = OnceLock::new();
    DIRECTIVE.get_or_init(|| {
        let all = check::read("directives_authentication.json", DIRECTIVES.as_bytes(), Mode::default());
        Arc::new(all.value.into_iter().next().expect("the sample has directives"))
    })
}

fn rules() -> Vec<Value> {
    file::to_value(directive())["rules"].as_array().cloned().unwrap_or_default()
}

/// A file of `logs/backlogs`, ours or one of dsiem-rs: what is restored can be saved and read again, and lives on.
///
/// # Panics
/// If that does not hold.
pub fn snapshot(data: &[u8]) {
    let today = Some(directive());
    drop(Header::read(data));
    if let Ok(read) = dsiem_rs::read(data, directive().id, today, settings()) {
        restored(read.state);
    }
    if let Ok(read) = snapshot::read(data, today, settings()) {
        restored(read.state);
    }
}

fn restored(state: DirectiveState) {
    let now = ReceiptTime::from_secs(1_709_283_700);
    let saved = snapshot::write("node", directive().id, &state, now);
    let again = snapshot::read(&saved, Some(directive()), settings()).expect("what was saved can be read");
    assert!(
        again.set_aside.is_empty(),
        "what was restored is set aside the second time: {:?}",
        again.set_aside
    );
    let twice = snapshot::write("node", directive().id, &again.state, now);
    assert_eq!(text(&saved), text(&twice), "it is read as something else");
    for mut open in state.backlogs {
        life::go_on(&mut open.backlog, &rules());
    }
}

/// What a row of the checkpoints' database has in it: a backlog, or a definition.
///
/// # Panics
/// If what is restored cannot be saved and read again, or cannot live on.
pub fn checkpoint_row(data: &[u8]) {
    let Some((choice, rest)) = choice(data) else { return };
    if choice % 2 == 0 {
        let Ok(mut open) = record::read_backlog(rest, directive().clone(), settings()) else { return };
        let saved = record::write_backlog(&open.backlog, open.look_ups_pending);
        let again = record::read_backlog(&saved, directive().clone(), settings());
        let again = again.expect("what was saved can be read");
        let twice = record::write_backlog(&again.backlog, again.look_ups_pending);
        assert_eq!(text(&saved), text(&twice), "it is read as something else");
        life::go_on(&mut open.backlog, &rules());
    } else if let Ok(definition) = record::read_definition(rest, Some(directive())) {
        let saved = record::write_definition(&definition);
        let again = record::read_definition(&saved, None).expect("what was saved can be read");
        assert_eq!(saved, record::write_definition(&again), "it is read as something else");
        life::live(&definition);
    }
}

/// A row of the event log, with a checksum that is right: that it is not what was written is all that may be said.
///
/// # Panics
/// If more events come out of it than bytes went in.
pub fn log_row(data: &[u8]) {
    let Some((choice, rest)) = choice(data) else { return };
    let mut row = crc32fast::hash(rest).to_le_bytes().to_vec();
    row.extend_from_slice(rest);
    let Some(messages) = embedded::read_row(row, u64::from(choice) % MAX_EVENTS) else { return };
    let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
    assert!(bytes <= rest.len(), "a row has more events than bytes");
    for message in messages {
        drop(json::decode(&message.payload));
    }
}

/// What a program answers to `dsiem ledger`, or something else that answers in its place.
///
/// # Panics
/// If it cannot be read without.
pub fn metrics(data: &[u8]) {
    let samples = Samples::parse(&String::from_utf8_lossy(data));
    for equation in EQUATIONS {
        if let Some(sheet) = equation.read(&samples) {
            _ = sheet.look().missing();
        }
    }
}

fn text(saved: &[u8]) -> &str {
    std::str::from_utf8(saved).expect("saved state is text")
}
