//! `dsiem backup`: a copy of the alarm store, also while a process uses it.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use dsiem_frontend::alarms::Place;
use dsiem_frontend::database;

use crate::args::BackupArgs;

/// Makes the copy and says where it is.
pub(crate) async fn run(args: BackupArgs) -> anyhow::Result<()> {
    // It blocks for as long as it takes to write the copy.
    tokio::task::spawn_blocking(move || back_up(&args)).await?
}

fn back_up(args: &BackupArgs) -> anyhow::Result<()> {
    let home = args.home.home()?;
    match args.store.place(&home.logs)? {
        Some(Place::File(path)) => copy(&path, &args.to),
        Some(Place::Server(_)) => anyhow::bail!("the alarms are in PostgreSQL: make the backup with pg_dump"),
        None => anyhow::bail!("--alarm-store (DSIEM_ALARM_STORE) is off: there is nothing to copy"),
    }
}

fn copy(path: &Path, to: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        path.is_file(),
        "there is no alarm store {}; name the folder of the installation with --home",
        path.display()
    );
    database::copy_file(path, to)
        .with_context(|| format!("cannot copy {} to {}", path.display(), to.display()))?;
    let bytes = std::fs::metadata(to)?.len();
    writeln!(
        std::io::stdout(),
        "{}: {bytes} bytes, as of now; to restore it, stop dsiem and put it in the place of {}",
        to.display(),
        path.display()
    )
    .context("cannot write to standard output")
}
