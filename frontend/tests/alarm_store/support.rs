//! Stores of a test's own, and alarms to put into them.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dsiem_core::risk::{RiskClass, RiskLimits};
use dsiem_frontend::alarm_store::{
    Act, AlarmDocument, AlarmStore, AlarmUpdate, Applied, Filter, Handled, Order, SortBy, Stage, StageEvent,
    Target, Words,
};
use tempfile::TempDir;

#[path = "../../../tests/src/ports.rs"]
#[expect(unreachable_pub, reason = "it is public where it lives")]
mod ports;

/// When the alarms of tests are made: 2026-01-01.
pub(crate) const T0: i64 = 1_767_225_600;

/// Makes a test of each function for each database.
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => {
        mod in_a_file {
            $(#[test] fn $test() { super::$test(&$crate::support::Place::file()); })*
        }
        mod on_a_server {
            $(#[test] fn $test() {
                if let Some(place) = $crate::support::Place::server() { super::$test(&place); }
            })*
        }
    };
}
pub(crate) use on_both_stores;

/// Where a store is; it can be opened again after it was closed.
pub(crate) enum Place {
    File(TempDir),
    Server(String),
}

impl Place {
    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    /// A database of its own; `None` where there is no PostgreSQL.
    pub(crate) fn server() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.run("createdb", &[&name]);
        Some(Self::Server(server.url(&name)))
    }

    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(folder) => Some(folder.path().join("alarms.sqlite")),
            Self::Server(_) => None,
        }
    }

    pub(crate) fn open(&self) -> AlarmStore {
        match self {
            Self::File(_) => AlarmStore::open_file(&self.path().unwrap(), Words::default()),
            Self::Server(url) => AlarmStore::open_server(url, Words::default()),
        }
        .unwrap()
    }
}

/// A PostgreSQL server that ends with this process, however that ends.
pub(crate) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    _ends_when_closed: ChildStdin,
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(None)).as_ref()
}

impl Server {
    /// One that has this certificate, and listens on a port of this machine.
    pub(crate) fn with_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::start(Some((certificate, key)))
    }

    #[expect(clippy::zombie_processes, reason = "it ends after this process does")]
    fn start(tls: Option<(&str, &str)>) -> Option<Self> {
        let Some(programs) = programs() else {
            // Past what is kept of a test that passes.
            let mut seen = std::io::stderr();
            writeln!(seen, "PostgreSQL is not installed: its tests are skipped").unwrap();
            return None;
        };
        let folder = tempfile::Builder::new().prefix("dsiem-pg-").tempdir().unwrap().keep();
        if let Some((certificate, key)) = tls {
            for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
                std::fs::write(folder.join(name), pem).unwrap();
                let only_its_owner = Permissions::from_mode(0o600);
                std::fs::set_permissions(folder.join(name), only_its_owner).unwrap();
            }
        }
        if is_root() {
            assert!(Command::new("chown").args(["-R", "postgres"]).arg(&folder).status().unwrap().success());
        }
        // The shell waits until its input ends, which is when this process is gone. A port that is free may be taken
        // before the server has it: then another one is tried.
        let script = "programs=$1 folder=$2; shift 2
            \"$programs/initdb\" -D \"$folder/data\" -U dsiem -A trust -E UTF8 --locale=C --no-sync >/dev/null || exit 1
            for port; do
                options='-c listen_addresses='
                [ -e \"$folder/server.key\" ] && options='-c listen_addresses=127.0.0.1 -c ssl=on'
                \"$programs/postgres\" -D \"$folder/data\" $options -c port=$port \
                    -c ssl_cert_file=\"$folder/server.crt\" -c ssl_key_file=\"$folder/server.key\" \
                    -c unix_socket_directories=\"$folder\" -c fsync=off -c max_connections=200 \
                    -c shared_buffers=64MB 2>>\"$folder/log\" &
                server=$!
                until \"$programs/pg_isready\" -q -h \"$folder\" -p $port -U dsiem -d postgres; do
                    kill -0 $server 2>/dev/null || continue 2; sleep 0.05
                done
                echo \"$port\"; cat >/dev/null; kill -INT $server; wait $server; break
            done
            rm -rf \"$folder\"";
        let ports: Vec<String> = match tls {
            None => vec!["5432".to_owned()],
            Some(_) => (0..5).map(|_| ports::free().to_string()).collect(),
        };
        let mut shell = match is_root() {
            true => Command::new("runuser"),
            false => Command::new("sh"),
        };
        if is_root() {
            shell.args(["-u", "postgres", "--", "sh"]);
        }
        let mut shell = shell
            .args(["-c", script, "sh"])
            .args([&programs, &folder])
            .args(ports)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("PostgreSQL starts");
        Some(Self { programs, folder, port, _ends_when_closed: shell.stdin.take().unwrap() })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn url(&self, database: &str) -> String {
        format!("postgresql://dsiem@/{database}?host={}", self.folder.display())
    }

    fn run(&self, program: &str, words: &[&str]) {
        let status = Command::new(self.programs.join(program))
            .args(["-h", self.folder.to_str().unwrap(), "-U", "dsiem"])
            .args(words)
            .status();
        assert!(status.unwrap().success(), "{program} {words:?}");
    }
}

/// Debian has them where no path leads.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    all.into_iter().find(|folder: &PathBuf| folder.join("initdb").exists())
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(Path::new("/proc/self")).unwrap()) == 0
}

/// An update of an alarm with this risk; the revision and the time go up together.
pub(crate) fn update(alarm_id: &str, revision: u64, risk: u8) -> AlarmUpdate {
    let document = AlarmDocument {
        alarm_id: alarm_id.to_owned(),
        title: format!("Scan of {alarm_id}"),
        status: "Open".into(),
        tag: "Identified Threat".into(),
        kingdom: "Reconnaissance & Probing".into(),
        category: "Misc Activity".into(),
        created_time: T0,
        update_time: T0 + revision.cast_signed(),
        risk,
        risk_class: class_of(risk),
        src_ips: vec![ip(1)],
        dst_ips: vec![ip(2), ip(3)],
        networks: vec!["10.0.0.0/8".into()],
        rules: vec![Stage {
            stage: 1,
            name: format!("revision {revision}"),
            occurrence: 1,
            ..Stage::default()
        }],
        intel_hits: Vec::new(),
        vulnerabilities: Vec::new(),
        custom_data: Vec::new(),
        truncated: 0,
        progress: None,
    };
    AlarmUpdate { document, revision: Some(revision), directive_id: Some(7) }
}

/// The same, as a line of a file.
pub(crate) fn line(alarm_id: &str, time: u64, risk: u8) -> AlarmUpdate {
    AlarmUpdate { revision: None, directive_id: None, ..update(alarm_id, time, risk) }
}

pub(crate) fn class_of(risk: u8) -> RiskClass {
    RiskLimits::default().class_of(risk)
}

pub(crate) fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

pub(crate) fn event(alarm_id: &str, stage: u8, event_id: &str) -> StageEvent {
    let body = serde_json::value::to_raw_value(&serde_json::json!({ "event_id": event_id })).unwrap();
    StageEvent { alarm_id: alarm_id.into(), stage, event_id: event_id.into(), event: Some(body) }
}

pub(crate) const ALICE: Act<'_> = Act { who: "alice", now: T0 + 500 };

pub(crate) fn whichever(alarm_id: &str) -> Vec<Target> {
    vec![Target { alarm_id: alarm_id.into(), version: None }]
}

pub(crate) fn put(store: &AlarmStore, updates: impl IntoIterator<Item = AlarmUpdate>) -> Applied {
    store.apply(updates.into_iter().collect(), T0).unwrap()
}

pub(crate) fn close(store: &AlarmStore, alarm_id: &str, tag: &str) {
    let change = dsiem_frontend::alarm_store::Change {
        status: Some("Closed".into()),
        tag: Some(tag.into()),
        assignee: None,
    };
    let handled = store.change(&whichever(alarm_id), &change, &ALICE).unwrap();
    assert!(matches!(handled[..], [Handled::Done(_)]), "{handled:?}");
}

pub(crate) const NEWEST: Order = Order { by: SortBy::Updated, descending: true };

/// The ids on a whole list.
pub(crate) fn ids(store: &AlarmStore, filter: &Filter, order: Order) -> Vec<String> {
    let page = store.page(filter, order, None, 1_000).unwrap();
    page.alarms.into_iter().map(|alarm| alarm.document.alarm_id).collect()
}
