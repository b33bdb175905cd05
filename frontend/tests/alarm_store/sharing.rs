//! A PostgreSQL server that several frontends share: what they hear of each other, and whose certificate it may have.

use std::path::Path;
use std::time::{Duration, Instant};

use dsiem_frontend::alarm_store::{AlarmChange, AlarmStore, ChangeKind, Words};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::support::{ALICE, Place, Server, close, put, update, whichever};

/// Nothing here should take long; what does not come in this time does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn next(changes: &mut Receiver<AlarmChange>) -> (String, ChangeKind) {
    let began = Instant::now();
    loop {
        match changes.try_recv() {
            Ok(change) => return (change.alarm_id.to_string(), change.kind),
            Err(TryRecvError::Empty) if began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => panic!("no change is heard of: {error}"),
        }
    }
}

fn told(id: &str, kind: ChangeKind) -> (String, ChangeKind) {
    (id.to_owned(), kind)
}

#[test]
fn frontends_hear_of_each_others_changes() {
    let Some(place) = Place::server() else { return };
    let (one, other) = (place.open(), place.open());
    let (mut at_one, mut at_other) = (one.subscribe(), other.subscribe());
    put(&one, [update("a", 1, 1)]);
    assert_eq!(next(&mut at_other), told("a", ChangeKind::Updated));
    assert_eq!(next(&mut at_one), told("a", ChangeKind::Updated));
    close(&other, "a", "Valid Threat");
    other.delete(&whichever("a"), ALICE.now).unwrap();
    for changes in [&mut at_one, &mut at_other] {
        assert_eq!(next(changes), told("a", ChangeKind::Handled), "and nothing before: its own once");
        assert_eq!(next(changes), told("a", ChangeKind::Deleted));
    }
    // More than one announcement can say.
    put(&one, (0..2_000).map(|n| update(&format!("b{n}"), 1, 1)));
    let heard: Vec<_> = (0..2_000).map(|_| next(&mut at_other).0).collect();
    assert!(heard.iter().zip(0..).all(|(id, n)| *id == format!("b{n}")));
}

#[test]
fn who_could_not_hear_for_a_while_is_told() {
    let Some(place) = Place::server() else { return };
    let Place::Server(url) = &place else { return };
    let (one, other) = (place.open(), place.open());
    let mut changes = other.subscribe();
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    let listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(client.execute(listeners, &[]).unwrap(), 2, "each store listens");
    assert_eq!(next(&mut changes), told("", ChangeKind::Missed));
    put(&one, [update("a", 1, 1)]);
    assert_eq!(next(&mut changes), told("a", ChangeKind::Updated));
}

#[test]
fn a_server_is_trusted_by_the_authority_that_the_url_names() {
    let folder = tempfile::tempdir().unwrap();
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        // A file name that a URL cannot have as it is.
        let file = folder.path().join(format!("{name} 100%.pem"));
        std::fs::write(&file, issuer.pem()).unwrap();
        (issuer, file)
    };
    let ((ours, our_file), (_, another_file)) = (authority("ours"), authority("another"));
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let Some(server) = Server::with_tls(&certificate.pem(), &key.serialize_pem()) else { return };
    let url =
        |parameters: &str| format!("postgresql://dsiem@127.0.0.1:{}/postgres?{parameters}", server.port());
    let with = |file: &Path| {
        let file = file.to_str().unwrap().replace('%', "%25").replace(' ', "%20");
        url(&format!("sslmode=verify-full&sslrootcert={file}"))
    };
    let store = AlarmStore::open_server(&with(&our_file), Words::default()).unwrap();
    put(&store, [update("a", 1, 1)]);
    let refused = |url: &str| AlarmStore::open_server(url, Words::default()).unwrap_err().to_string();
    assert!(refused(&with(&another_file)).contains("certificate"), "{}", refused(&with(&another_file)));
    assert!(refused(&url("sslmode=require")).contains("certificate"), "the system does not know it");
    std::fs::write(&another_file, "no certificate").unwrap();
    assert!(refused(&with(&another_file)).contains("PEM"), "{}", refused(&with(&another_file)));
}
