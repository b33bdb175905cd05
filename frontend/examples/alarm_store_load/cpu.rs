//! The CPU time that a question takes, in this thread and in the processes of a database server on the same machine: on
//! a machine that is busy with other things, that says more than a clock does.

use std::fs;
use std::time::Duration;

/// Whose time is counted.
pub(crate) struct Cpu(Vec<String>);

impl Cpu {
    /// This thread's, and that of the server's processes for our connections.
    pub(crate) fn of(server: Option<&str>) -> anyhow::Result<Self> {
        let mut files = vec!["/proc/thread-self/schedstat".to_owned()];
        if let Some(url) = server {
            let mut client = postgres::Client::connect(url, postgres::NoTls)?;
            let ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'dsiem'";
            for row in client.query(ours, &[])? {
                files.push(format!("/proc/{}/schedstat", row.try_get::<_, i32>(0)?));
            }
        }
        Ok(Self(files))
    }

    /// So far; nothing where the system does not say it.
    pub(crate) fn used(&self) -> Duration {
        let nanos = self
            .0
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok()?.split_whitespace().next()?.parse::<u64>().ok());
        Duration::from_nanos(nanos.sum())
    }
}
