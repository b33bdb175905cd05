//! `dsiem users`: for whoever is locked out. Who reads and writes the database may do anything anyway.

use std::sync::Arc;

use anyhow::Context as _;
use dsiem_frontend::accounts::{AccountError, Accounts, By, SecretId, UserChange, password};
use dsiem_frontend::alarms::{Place, open_database};
use dsiem_runtime::clock::Clock;

use crate::args::{ResetPasswordArgs, UsersAction, UsersArgs};
use crate::output::say;

/// Who is named in the audit log.
const BY: &str = "dsiem users";

/// Does what is asked.
pub(crate) async fn run(args: UsersArgs, clock: Clock) -> anyhow::Result<()> {
    let UsersAction::ResetPassword(args) = args.action;
    // The database's calls block, and a password takes its time.
    tokio::task::spawn_blocking(move || reset_password(&args, &clock)).await?
}

fn reset_password(args: &ResetPasswordArgs, clock: &Clock) -> anyhow::Result<()> {
    let home = args.home.home()?;
    let place = args.store.place(&home.logs)?;
    let place = place.context("--alarm-store (DSIEM_ALARM_STORE) is off: there are no users")?;
    if let Place::File(path) = &place {
        anyhow::ensure!(
            path.is_file(),
            "there is no store {}; name the folder of the installation with --home",
            path.display()
        );
    }
    let database = open_database(&place)?;
    let (name, new) = (args.name.to_ascii_lowercase(), SecretId::random()?.text());
    let by = By { who: BY, origin: "this machine", now: clock.now().secs() };
    let password = Some(password::hash(&name, &new)?);
    let change = UserChange { role: None, disabled: Some(false), password };
    let user = Accounts::new(Arc::new(database)).change_user(&name, &change, None, &by);
    let user = user.map_err(|error| match error {
        AccountError::Missing(user) => {
            anyhow::anyhow!("there is no {user}; the first one is made with the link in the log")
        }
        error => error.into(),
    })?;
    let role = user.role.as_str();
    say(&format!(
        "{new}\n\nThis is the password of {name} ({role}) from now on; change it after signing in.\n"
    ))
}
