//! Mail, to a real mail server of a few lines over loopback: in the clear, with STARTTLS, and with TLS from the
//! beginning.

use std::sync::{Arc, Mutex};

use dsiem_frontend::notifications::State;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::{Place, T0, on_both_stores, update};
use crate::surroundings::{Installation, run, until};

on_both_stores!(mails_are_sent_over_starttls, what_a_server_refuses_is_given_up);

/// How the server does TLS.
#[derive(Clone, Copy, PartialEq)]
enum Tls {
    Never,
    Starttls,
    Always,
}

/// A mail that the server took.
#[derive(Debug, Clone, Default)]
struct Taken {
    /// What was said before the mail itself.
    commands: Vec<String>,
    text: String,
    was_encrypted: bool,
}

/// A mail server that keeps what it is sent.
struct MailServer {
    port: u16,
    ca: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl MailServer {
    /// `refuses`: it answers this to recipients.
    async fn start(tls: Tls, refuses: Option<&'static str>) -> Self {
        dsiem_runtime::tls::install();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let kept = taken.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, acceptor.clone(), tls, refuses, kept.clone()));
            }
        });
        Self { port, ca: cert.pem(), taken }
    }

    fn channel(&self, tls: &str) -> Value {
        json!({"name": format!("mail {tls}"), "mail": {"host": "localhost", "port": self.port, "tls": tls,
            "user": "dsiem", "password": "s3cret", "from": "dsiem <dsiem@example.com>",
            "to": ["Ann <ann@example.com>", "bob@example.com"], "ca": self.ca}})
    }

    async fn until_taken(&self) -> Taken {
        until("a mail comes", || self.taken.lock().unwrap().first().cloned()).await
    }
}

async fn converse(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    tls: Tls,
    refuses: Option<&'static str>,
    taken: Arc<Mutex<Vec<Taken>>>,
) {
    let mut mail = Taken::default();
    if tls == Tls::Always {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        mail.was_encrypted = true;
        session(stream, mail, true, false, refuses, &taken).await;
        return;
    }
    let left = session(stream, mail, true, tls == Tls::Starttls, refuses, &taken).await;
    if let Some((stream, mut mail)) = left
        && let Ok(stream) = acceptor.accept(stream).await
    {
        mail.was_encrypted = true;
        session(stream, mail, false, false, refuses, &taken).await;
    }
}

/// One conversation, until its end or until it is to become TLS.
async fn session<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut mail: Taken,
    greets: bool,
    offers_tls: bool,
    refuses: Option<&'static str>,
    taken: &Mutex<Vec<Taken>>,
) -> Option<(S, Taken)> {
    let mut stream = BufReader::new(stream);
    if greets {
        say(&mut stream, "220 mail.example.com").await?;
    }
    loop {
        let line = hear(&mut stream).await?;
        mail.commands.push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" if offers_tls => "250-mail.example.com\r\n250 STARTTLS",
            "EHLO" => "250-mail.example.com\r\n250 AUTH PLAIN LOGIN",
            "STARTTLS" => {
                say(&mut stream, "220 go on").await?;
                return Some((stream.into_inner(), mail));
            }
            "AUTH" => "235 welcome",
            "RCPT" => refuses.unwrap_or("250 fine"),
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                loop {
                    let line = hear(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    mail.text += &line;
                    mail.text += "\n";
                }
                taken.lock().unwrap().push(mail.clone());
                "250 2.0.0 queued as 4711"
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return None;
            }
            _ => "250 fine",
        };
        say(&mut stream, answer).await?;
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn hear<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

fn mails_are_sent_over_starttls(place: &Place) {
    run(async {
        let (server, installation) =
            (MailServer::start(Tls::Starttls, None).await, Installation::start(place, T0));
        let channel = installation.channel(server.channel("starttls"));
        installation.rule("night\u{e9}", &[channel], &json!({}));
        let mut hostile = update("a", 1, 9);
        hostile.document.title = "Scan\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\u{202e}".into();
        installation.put([hostile]);
        let taken = server.until_taken().await;
        installation.until_are(State::Sent, 1).await;
        assert!(taken.was_encrypted);
        let auth = taken.commands.iter().position(|command| command.starts_with("AUTH")).unwrap();
        let tls = taken.commands.iter().position(|command| command == "STARTTLS").unwrap();
        assert!(tls < auth, "the password is not said in the clear: {:?}", taken.commands);
        let recipients = taken.commands.iter().filter(|command| command.starts_with("RCPT")).count();
        assert_eq!(recipients, 2);
        let (head, body) = taken.text.split_once("\n\n").unwrap();
        assert!(head.contains("Subject: [High] Scan  Bcc: evil@example.com"), "{head}");
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated") && head.contains("Message-ID: <"), "{head}");
        assert!(body.contains("https://siem.example/ui/#/data/alarm-detail/a"), "{body}");
        installation.stop().await;
    });
}

fn what_a_server_refuses_is_given_up(place: &Place) {
    run(async {
        let server = MailServer::start(Tls::Starttls, Some("550 5.1.1 no such user here")).await;
        let installation = Installation::start(place, T0);
        let channel = installation.channel(server.channel("starttls"));
        installation.rule("r", &[channel], &json!({}));
        installation.put([update("a", 1, 9)]);
        let dead = installation.until_are(State::Dead, 1).await;
        assert!(dead[0].error.contains("no such user here"), "{dead:?}");
        assert_eq!(dead[0].tries, 1);
        installation.stop().await;
    });
}

#[test]
fn each_way_of_tls_is_the_one_that_was_asked_for() {
    run(async {
        let place = Place::file();
        let installation = Installation::start(&place, T0);
        let never = MailServer::start(Tls::Never, None).await;
        let always = MailServer::start(Tls::Always, None).await;
        let test = async |channel: Value| {
            let channel = installation.channel(channel);
            installation.tester.test(channel, "key".into(), T0).await.unwrap().unwrap()
        };
        let tls = test(always.channel("tls")).await;
        assert!(tls.ok && tls.detail.contains("queued as 4711"), "{tls:?}");
        assert!(always.until_taken().await.was_encrypted);
        let refused = test(never.channel("starttls")).await;
        assert!(!refused.ok && !refused.detail.is_empty(), "{refused:?}");
        assert!(never.taken.lock().unwrap().is_empty(), "nothing goes in the clear that must not");
        let mut stranger = always.channel("tls");
        stranger["mail"]["ca"] = never.ca.clone().into();
        stranger["name"] = "stranger".into();
        let refused = test(stranger).await;
        assert!(!refused.ok, "its certificate is from somebody else: {refused:?}");
        let clear = json!({"name": "clear", "mail": {"host": "127.0.0.1", "port": never.port, "tls": "none",
            "from": "dsiem@example.com", "to": ["ann@example.com"]}});
        let clear = test(clear).await;
        assert!(clear.ok, "{clear:?}");
        installation.stop().await;
    });
}
