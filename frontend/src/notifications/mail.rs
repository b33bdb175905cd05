//! Sending a mail: over one connection of its own, to a server that was looked up by us.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Letter, Tokio1Executor};

use super::guard;
use super::mail_settings::{Mail, MailTls, mailbox};
use super::message::{Message, shortened};
use super::sender::{Failure, Outcome, Parcel, with_causes};

/// How long one step of the conversation may take.
const STEP_LIMIT: Duration = Duration::from_secs(15);
/// Characters of a subject.
const MAX_SUBJECT: usize = 200;
/// What a server says to a password that is not right: somebody may put it in order.
const REFUSED_LOGINS: [u16; 4] = [530, 534, 535, 538];

/// Sends one mail, once.
pub(super) async fn send(settings: &Mail, parcel: &Parcel, public_url: Option<&str>) -> Outcome {
    let letter = match letter(settings, parcel, public_url) {
        Ok(letter) => letter,
        Err(error) => return Failure::of_content(error).into(),
    };
    let addresses = match guard::resolve(&settings.host, settings.port).await {
        Ok(addresses) => addresses,
        Err(error) => {
            let error = format!("cannot find the mail server {}: {error}", settings.host);
            return Failure::passing(error).into();
        }
    };
    let mut last = Failure::passing("the mail server has no address").into();
    for address in addresses {
        let sent = match transport(settings, address.ip()) {
            Ok(transport) => transport.send(letter.clone()).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(response) => {
                let lines: Vec<&str> = response.message().collect();
                return Outcome::sent(&format!("{}: {}", response.code(), lines.join(" ")));
            }
            Err(error) => {
                // Another address of a server that is not there may be; one that has answered has answered.
                let is_elsewhere = error.status().is_none() && !error.is_tls() && !error.is_timeout();
                last = outcome(&error);
                if !is_elsewhere {
                    break;
                }
            }
        }
    }
    last
}

fn outcome(error: &Error) -> Outcome {
    let said = with_causes(error);
    let is_login = error.status().is_some_and(|status| REFUSED_LOGINS.contains(&status.into()));
    let is_final = error.is_permanent() && !is_login;
    Outcome::failed(Failure { is_final, ..Failure::passing(said.clone()) }, &said)
}

/// Connects to an address that was looked at, and checks the certificate by the name that was meant.
fn transport(settings: &Mail, address: IpAddr) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
        .port(settings.port)
        .timeout(Some(STEP_LIMIT))
        .hello_name(hello(settings))
        .tls(tls(settings)?);
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.0.clone()));
    }
    Ok(builder.build())
}

/// How we present ourselves: as the domain that the mails are from.
fn hello(settings: &Mail) -> ClientId {
    let domain = mailbox("from", &settings.from).ok().map(|from| from.email.domain().to_owned());
    domain.map_or_else(ClientId::default, ClientId::Domain)
}

fn tls(settings: &Mail) -> Result<Tls, Error> {
    if settings.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(ca) = &settings.ca {
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(ca.as_bytes())?);
    }
    let parameters = parameters.build_rustls()?;
    Ok(match settings.tls {
        MailTls::Tls => Tls::Wrapper(parameters),
        MailTls::Starttls | MailTls::None => Tls::Required(parameters),
    })
}

fn letter(settings: &Mail, parcel: &Parcel, public_url: Option<&str>) -> Result<Letter, String> {
    let from = mailbox("from", &settings.from)?;
    let domain = from.email.domain().to_owned();
    let written = UNIX_EPOCH + Duration::from_secs(u64::try_from(parcel.now).unwrap_or_default());
    let mut letter = Letter::builder()
        .from(from)
        .date(written)
        .subject(shortened(&parcel.message.headline(), MAX_SUBJECT))
        .message_id(Some(format!("<{}@{domain}>", parcel.key)))
        .header(ContentType::TEXT_PLAIN);
    // Nobody's holiday answers to it.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    letter = letter.raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
    for to in &settings.to {
        letter = letter.to(mailbox("to", to)?);
    }
    letter.body(text(&parcel.message, public_url)).map_err(|error| error.to_string())
}

fn text(message: &Message, public_url: Option<&str>) -> String {
    let mut lines = vec![message.headline(), String::new()];
    lines.extend(message.details().iter().map(|(name, value)| format!("{name}: {value}")));
    let listed = message.lines();
    if !listed.is_empty() {
        lines.push(String::new());
        lines.extend(listed);
    }
    if let Some(link) = message.link(public_url) {
        lines.extend([String::new(), link]);
    }
    lines.join("\r\n") + "\r\n"
}
