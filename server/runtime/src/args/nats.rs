//! Who a process is on NATS, and whom it trusts there. User and password, or a token, may also stand in the address.

use std::path::PathBuf;

use clap::Args;

use crate::bus::nats::{ClientCertificate, Credentials, CredentialsError, Identity};
use crate::secret::{Name, Secret};

const TOKEN: Name = Name { flag: "--nats-token", variable: "DSIEM_NATS_TOKEN" };
const PASSWORD: Name = Name { flag: "--nats-password", variable: "DSIEM_NATS_PASSWORD" };

/// Credentials for NATS, and its TLS.
#[derive(Args, Clone, Debug, Default)]
pub struct NatsArgs {
    /// User name for NATS
    #[arg(long, env = "DSIEM_NATS_USER", value_name = "USER")]
    pub nats_user: Option<String>,

    /// Password of that user
    #[arg(long, env = "DSIEM_NATS_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub nats_password: Option<Secret>,

    /// File with that password
    #[arg(long, env = "DSIEM_NATS_PASSWORD_FILE", value_name = "FILE")]
    pub nats_password_file: Option<PathBuf>,

    /// Token for NATS
    #[arg(long, env = "DSIEM_NATS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub nats_token: Option<Secret>,

    /// File with that token
    #[arg(long, env = "DSIEM_NATS_TOKEN_FILE", value_name = "FILE")]
    pub nats_token_file: Option<PathBuf>,

    /// File with the seed of an NKey for NATS, which begins with SU
    #[arg(long, env = "DSIEM_NATS_NKEY_FILE", value_name = "FILE")]
    pub nats_nkey_file: Option<PathBuf>,

    /// Credentials file for NATS, with a JWT and its seed
    #[arg(long, env = "DSIEM_NATS_CREDS_FILE", value_name = "FILE")]
    pub nats_creds_file: Option<PathBuf>,

    /// Certificates (PEM) that the certificate of NATS must come from; makes TLS mandatory [default: those of the system]
    #[arg(long, env = "DSIEM_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,

    /// Certificate (PEM) to show to NATS; makes TLS mandatory
    #[arg(long, env = "DSIEM_NATS_CERT", value_name = "FILE")]
    pub nats_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, env = "DSIEM_NATS_KEY", value_name = "FILE")]
    pub nats_key: Option<PathBuf>,
}

impl NatsArgs {
    /// What they say, with what the files hold.
    ///
    /// # Errors
    /// If they do not go together, or a file cannot be used.
    pub fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let client = match (&self.nats_cert, &self.nats_key) {
            (Some(cert), Some(key)) => Some(ClientCertificate { cert: cert.clone(), key: key.clone() }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(CredentialsError::HalfACertificate),
        };
        Credentials::new(self.identity()?, self.nats_ca.clone(), client)
    }

    fn identity(&self) -> Result<Identity, CredentialsError> {
        let token = TOKEN.secret(self.nats_token.as_ref(), self.nats_token_file.as_deref())?;
        let password = PASSWORD.secret(self.nats_password.as_ref(), self.nats_password_file.as_deref())?;
        let user = match (self.nats_user.clone(), password) {
            (Some(user), Some(password)) => Some(Identity::Password { user, password }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(CredentialsError::HalfAUser),
        };
        let nkey = self
            .nats_nkey_file
            .as_deref()
            .map(|path| Secret::from_file(path, "--nats-nkey-file, DSIEM_NATS_NKEY_FILE"))
            .transpose()?;
        let creds = self
            .nats_creds_file
            .as_deref()
            .map(|path| Secret::from_file(path, "--nats-creds-file, DSIEM_NATS_CREDS_FILE"))
            .transpose()?;
        let given = [user, token.map(Identity::Token), nkey.map(Identity::NKey), creds.map(Identity::Creds)];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Ok(Identity::OfTheAddress),
            (Some(_), Some(_)) => Err(CredentialsError::SeveralIdentities),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Program {
        #[command(flatten)]
        nats: NatsArgs,
    }

    fn read(words: &str) -> Result<Credentials, String> {
        let all = std::iter::once("program").chain(words.split_whitespace());
        Program::try_parse_from(all).unwrap().nats.credentials().map_err(|error| error.to_string())
    }

    #[test]
    fn one_identity_is_taken_and_never_shown() {
        for words in ["", "--nats-user me --nats-password s3cret", "--nats-token s3cret"] {
            let shown = format!("{:?}", read(words).unwrap());
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn what_does_not_go_together_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "nonsense").unwrap();
        let file = file.display();
        for (words, part) in [
            ("--nats-user me".to_owned(), "--nats-password"),
            ("--nats-password s3cret".to_owned(), "--nats-user"),
            ("--nats-token s3cret --nats-user me --nats-password s3cret".to_owned(), "only one of them"),
            ("--nats-token s3cret --nats-token-file /x".to_owned(), "both given"),
            ("--nats-nkey-file /no/such/file".to_owned(), "DSIEM_NATS_NKEY_FILE"),
            (format!("--nats-nkey-file {file}"), "begins with SU"),
            (format!("--nats-creds-file {file}"), "credentials file"),
            (format!("--nats-ca {file}"), "no certificate"),
            ("--nats-ca /no/such/file".to_owned(), "/no/such/file"),
            (format!("--nats-cert {file}"), "--nats-key"),
            (format!("--nats-cert {file} --nats-key {file}"), "no certificate"),
        ] {
            let error = read(&words).unwrap_err();
            assert!(error.contains(part), "{words}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
