//! Sending a mail: over one connection of its own, to a server that was looked up by us.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
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
    let transport = match transport(settings).await {
        Ok(transport) => transport,
        Err(error) => return Failure::passing(error).into(),
    };
    match transport.send(letter).await {
        Ok(response) => {
            let lines: Vec<&str> = response.message().collect();
            Outcome::sent(&format!("{}: {}", response.code(), lines.join(" ")))
        }
        Err(error) => {
            let status = error.status().map(u16::from);
            let is_login = status.is_some_and(|status| REFUSED_LOGINS.contains(&status));
            let said = with_causes(&error);
            let is_final = error.is_permanent() && !is_login;
            let failure = Failure { is_final, ..Failure::passing(said.clone()) };
            Outcome::failed(failure, &said)
        }
    }
}

async fn transport(settings: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let host = settings.host.as_str();
    let addresses = guard::resolve(host, settings.port).await;
    let addresses = addresses.map_err(|error| format!("cannot find the mail server {host}: {error}"))?;
    let address = addresses.first().ok_or_else(|| format!("the mail server {host} has no address"))?;
    // Connected to by the address that was looked at, checked by the name that was meant.
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(settings.port)
        .timeout(Some(STEP_LIMIT))
        .hello_name(hello(settings))
        .tls(tls(settings).map_err(|error| with_causes(&error))?);
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

fn tls(settings: &Mail) -> Result<Tls, lettre::transport::smtp::Error> {
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
