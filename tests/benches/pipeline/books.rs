//! What the two alarm files say: how many events counted, whether in the order in which they were sent, and how many
//! documents were written. Read line by line, since the files of a storm are larger than memory should be.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::traffic::number_of;

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// Lines about measured events: once for each event and alarm.
    pub(crate) events: u64,
    /// Those behind one of the same alarm that was sent later, or the same.
    pub(crate) out_of_order: u64,
}

/// Reads `siem_alarm_events.json`.
pub(crate) fn counted(path: &Path) -> anyhow::Result<Counted> {
    let (mut counted, mut last) = (Counted::default(), HashMap::new());
    for_each_line(path, |line| {
        let line: Value = serde_json::from_slice(line).context("a line that is not JSON")?;
        if let Some(number) = line["event_id"].as_str().and_then(number_of) {
            let alarm = line["alarm_id"].as_str().context("a line without an alarm")?;
            let before = last.insert(alarm.to_owned(), number);
            counted.events += 1;
            counted.out_of_order += u64::from(before.is_some_and(|before| before >= number));
        }
        Ok(())
    })?;
    Ok(counted)
}

/// How many lines `siem_alarms.json` has.
pub(crate) fn documents(path: &Path) -> anyhow::Result<u64> {
    let mut documents = 0;
    for_each_line(path, |line| {
        anyhow::ensure!(line.ends_with(b"}\n"), "a line that is torn");
        documents += 1;
        Ok(())
    })?;
    Ok(documents)
}

fn for_each_line(path: &Path, mut take: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let what = || path.display().to_string();
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(what),
    };
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).with_context(what)? > 0 {
        take(&line).with_context(what)?;
        line.clear();
    }
    Ok(())
}
