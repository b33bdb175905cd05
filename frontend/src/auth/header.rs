//! The word of a proxy: it has asked somebody who he is, and says so in a header.
//!
//! It is believed only from the networks of `--trusted-proxies`. From anywhere else the header is an attempt to be
//! somebody else, and refused as such.

use axum::http::{HeaderMap, HeaderName};

use super::config::HeaderNames;
use crate::accounts::By;
use crate::accounts::{External, Origin, Role, User, UserName};
use crate::http::api::problem::Problem;

use super::Auth;

impl Auth {
    /// Whom the proxy names, if it names somebody.
    pub(super) async fn named_by_proxy(
        &self,
        names: &HeaderNames,
        headers: &HeaderMap,
        is_proxy: bool,
        origin: &str,
    ) -> Result<Option<User>, Problem> {
        let Some(user) = only(headers, &names.user)? else { return Ok(None) };
        if !is_proxy {
            self.0.logins.with("refused").inc();
            tracing::debug!(address = origin, header = %names.user, "somebody who is no trusted proxy says who he is");
            return Err(Problem::forbidden(format!(
                "the header {} counts only from a proxy of --trusted-proxies (DSIEM_TRUSTED_PROXIES)",
                names.user
            )));
        }
        let name: UserName = user.parse()?;
        let role = Role::highest(only(headers, &names.role)?.unwrap_or_default().split([',', ';', ' ']));
        if role.is_none() {
            return Err(Problem::forbidden(format!(
                "the proxy gives {name} no role: viewer, analyst or admin, in the header {}; ask an admin",
                names.role
            )));
        }
        let (origin, now) = (origin.to_owned(), self.now());
        let found = self.accounts(move |accounts| {
            let external =
                External { origin: Origin::Header, subject: None, name: &name, role, default_role: None };
            accounts.external_user(&external, &By { who: name.as_str(), origin: &origin, now })
        });
        Ok(Some(found.await?))
    }
}

/// The value of a header that is there once at most: of two, the client may have sent one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    let text = first.map(|value| value.to_str()).transpose();
    match (text, second) {
        (Ok(text), None) => Ok(text.filter(|text| !text.is_empty())),
        _ => Err(Problem::bad_request(format!(
            "the header {name} is there twice, or is no text; the proxy must replace what clients send"
        ))),
    }
}
