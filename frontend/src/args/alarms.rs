//! Where alarms are kept, and for how long.

use std::path::{Path, PathBuf};

use clap::{Args, value_parser};
use dsiem_runtime::secret::{Name, Secret, SecretError};

use crate::alarm_store::{self, Limits, Words};
use crate::alarms::{AlarmsConfig, Place};

const ALARM_STORE: Name = Name { flag: "--alarm-store", variable: "DSIEM_ALARM_STORE" };

/// The word for no store.
const OFF: &str = "off";

/// Which store; programs and tools spell it alike.
#[derive(Args, Clone, Debug, Default)]
pub struct AlarmStoreArgs {
    /// PostgreSQL database of the alarms, such as postgresql://dsiem:secret@host/dsiem, which several frontends may share,
    /// or off [default: the file logs/alarms.sqlite]
    #[arg(long, env = "DSIEM_ALARM_STORE", hide_env_values = true, value_name = "URL|off")]
    pub alarm_store: Option<Secret>,

    /// File with that URL
    #[arg(long, env = "DSIEM_ALARM_STORE_FILE", value_name = "FILE")]
    pub alarm_store_file: Option<PathBuf>,
}

/// How long alarms are kept.
#[derive(Args, Clone, Copy, Debug)]
pub struct AlarmRetentionArgs {
    /// Days after its newest event that an alarm is kept; 0 for ever
    #[arg(long, env = "DSIEM_ALARM_RETENTION_DAYS", default_value = "365", value_name = "DAYS")]
    pub alarm_retention_days: u32,

    /// Gibibytes that the alarm store may have; beyond, the alarms that were updated longest ago go; 0 for no limit
    #[arg(long, env = "DSIEM_ALARM_STORE_MAX_GIB", default_value = "16", value_name = "GIB",
          value_parser = value_parser!(u32).range(..=1_048_576))]
    pub alarm_store_max_gib: u32,
}

/// Arguments that name no store.
#[derive(Debug, thiserror::Error)]
pub enum AlarmStoreError {
    /// A word or a file that cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Neither a URL nor a word that means something.
    #[error(
        "--alarm-store (DSIEM_ALARM_STORE) is neither a URL that begins with postgresql:// nor off; leave it away for the file logs/{}",
        alarm_store::FILE
    )]
    NoStore,
}

impl AlarmStoreArgs {
    /// The place that is named, with the logs folder for the file; `None`: there is to be no store.
    ///
    /// # Errors
    /// If what is given names none.
    pub fn place(&self, logs: &Path) -> Result<Option<Place>, AlarmStoreError> {
        let Some(url) = ALARM_STORE.secret(self.alarm_store.as_ref(), self.alarm_store_file.as_deref())?
        else {
            return Ok(Some(Place::File(logs.join(alarm_store::FILE))));
        };
        let text = url.expose();
        if text.eq_ignore_ascii_case(OFF) {
            return Ok(None);
        }
        if text.starts_with("postgresql://") || text.starts_with("postgres://") {
            return Ok(Some(Place::Server(url)));
        }
        Err(AlarmStoreError::NoStore)
    }

    /// The same with what else a program that serves has to know; `open` is the status of new alarms.
    ///
    /// # Errors
    /// If what is given names none.
    pub fn alarms(
        &self,
        retention: AlarmRetentionArgs,
        logs: &Path,
        open: Option<&String>,
    ) -> Result<Option<AlarmsConfig>, AlarmStoreError> {
        let Some(place) = self.place(logs)? else { return Ok(None) };
        let mut words = Words::default();
        if let Some(open) = open {
            words.open.clone_from(open);
        }
        Ok(Some(AlarmsConfig { place, limits: retention.limits(), words }))
    }
}

impl AlarmRetentionArgs {
    fn limits(self) -> Limits {
        const SECS_A_DAY: i64 = 24 * 60 * 60;
        let Self { alarm_retention_days: days, alarm_store_max_gib: gib } = self;
        Limits {
            max_age_secs: (days > 0).then(|| i64::from(days) * SECS_A_DAY),
            max_bytes: (gib > 0).then(|| u64::from(gib) << 30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: Option<&str>) -> String {
        let args = AlarmStoreArgs { alarm_store: text.map(Secret::from), alarm_store_file: None };
        match args.place(Path::new("/l")) {
            Ok(Some(Place::File(path))) => path.display().to_string(),
            Ok(Some(Place::Server(url))) => url.expose().to_owned(),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_store_is_a_file_a_server_or_none() {
        assert_eq!(place(None), "/l/alarms.sqlite");
        assert_eq!(place(Some("off")), "none");
        assert_eq!(place(Some("postgresql://a@b/c")), "postgresql://a@b/c");
        assert!(place(Some("mysql://a:secret@b/c")).contains("postgresql://"));
        assert!(!place(Some("mysql://a:secret@b/c")).contains("secret"));
    }

    #[test]
    fn zero_means_no_limit() {
        let limits =
            |days, gib| AlarmRetentionArgs { alarm_retention_days: days, alarm_store_max_gib: gib }.limits();
        assert_eq!(limits(0, 0), Limits::default());
        assert_eq!(limits(1, 2), Limits { max_age_secs: Some(86_400), max_bytes: Some(2 << 30) });
    }
}
