//! The alarm store of the real programs: filled by what is raised, copied while in use, shared by frontends, and off.

use std::path::Path;
use std::process::Command;

use dsiem_frontend::alarm_store::{Alarm, AlarmStore, FILE, StageCount, Words};
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use dsiem_tests::process::{Binary, Program};
use dsiem_tests::samples::{attack, brute_force, directive, directive_file, rule};
use dsiem_tests::wait::{DEADLINE, wait_for};
use serde_json::json;

/// The words of `dsiem` run to its end in the home of `node`; what it says.
async fn tool(node: &Node, words: &str, code: i32) -> String {
    let home = ("DSIEM_HOME".to_owned(), node.home().display().to_string());
    let mut program = Program::start(Binary::Dsiem, words, words.split_whitespace(), [home]);
    assert_eq!(program.wait_exit().await, code, "{}", program.log());
    program.log()
}

fn open(path: &Path) -> AlarmStore {
    AlarmStore::open_file(path, Words::default()).expect("a store that nobody uses")
}

fn read(store: &AlarmStore, alarm_id: &str) -> (Alarm, Vec<StageCount>) {
    store.alarm(alarm_id).expect("a store that works").expect("it is there")
}

/// Waits until what the programs count of their stores comes to so many events.
async fn wait_for_events(nodes: &[&Node], count: u64) {
    const COUNTED: &str = "dsiem_alarm_store_events_total{result=\"counted\"}";
    wait_for(&format!("{count} events in the store"), DEADLINE, || async {
        let mut sum = 0.0;
        for node in nodes {
            sum += node.http.metrics().await.get(COUNTED).copied().unwrap_or_default();
        }
        (sum >= count as f64).then_some(())
    })
    .await;
}

/// The first stage alone is no alarm yet.
fn silent_first() -> serde_json::Value {
    directive(1, &[rule(1, 1, 1, "ANY", 0), rule(2, 2, 2, ":1", 5), rule(3, 3, 1, ":1", 10)])
}

#[tokio::test]
async fn dsiem_serve_keeps_its_alarms_with_their_events_and_copies_them_while_it_runs() {
    let mut node = Node::standalone(Setup::new(&directive_file(&[silent_first()]))).await;
    node.http.send(&attack("a", "192.168.0.9", 2)).await;
    wait_for_events(&[&node], 4).await;
    let copy = node.path("copy.sqlite");
    let said = tool(&node, &format!("backup --to {}", copy.display()), 0).await;
    assert!(said.contains("copy.sqlite"), "{said}");
    assert!(tool(&node, &format!("backup --to {}", copy.display()), 1).await.contains("already"));
    let document = node.alarms().remove(0);
    let alarm_id = document["alarm_id"].as_str().expect("an id");
    node.stop().await;

    for path in [copy, node.path("logs").join(FILE)] {
        let store = open(&path);
        let (alarm, counts) = read(&store, alarm_id);
        assert_eq!((alarm.directive_id, alarm.document.risk), (Some(1), 10));
        let progress = alarm.document.progress.expect("the engine says how far it is");
        assert_eq!((progress.ending.as_deref(), progress.deadline), (Some("completed"), None));
        let counts: Vec<_> = counts.iter().map(|count| (count.stage, count.events)).collect();
        assert_eq!(counts, [(1, 1), (2, 2), (3, 1)]);
        // From before it was an alarm.
        let first = store.events(alarm_id, 1, 0, 10).expect("a store that works").events.remove(0);
        let body: serde_json::Value =
            serde_json::from_str(first.event.expect("the event itself").get()).expect("JSON");
        assert_eq!((&body["event_id"], &body["src_ip"]), (&json!("a-1"), &json!("192.168.0.9")));
    }
}

#[tokio::test]
async fn counts_are_exact_where_events_from_before_a_restart_are_not_kept() {
    let mut node = Node::standalone(Setup::new(&directive_file(&[silent_first()]))).await;
    let events = attack("a", "192.168.0.9", 2);
    node.http.send(&events[..1]).await;
    node.wait_for_links(1).await;
    node.stop().await;
    node.start_again().await;
    node.wait_ready().await;
    node.http.send(&events[1..]).await;
    wait_for_events(&[&node], 3).await;
    node.stop().await;
    let store = open(&node.path("logs").join(FILE));
    let alarm_id = node.alarms().remove(0)["alarm_id"].as_str().expect("an id").to_owned();
    let (_, counts) = read(&store, &alarm_id);
    assert_eq!(counts[0], StageCount { stage: 1, events: 1 });
    assert!(store.events(&alarm_id, 1, 0, 10).expect("a store that works").events.is_empty());
}

#[tokio::test]
async fn without_a_store_there_is_no_file_and_no_feed() {
    let setup = Setup::new(&directive_file(&[brute_force(1, 2)])).flags("--alarm-store off");
    let mut node = Node::standalone(setup).await;
    node.http.send(&attack("a", "192.168.0.9", 2)).await;
    node.wait_for_alarm("the alarm", |alarm| alarm["risk"] == 10).await;
    assert!(!node.path("logs").join(FILE).exists());
    assert!(!node.http.metrics().await.keys().any(|name| name.starts_with("dsiem_alarm_feed")));
    let said = tool(&node, "backup --to /nowhere/copy.sqlite", 1).await;
    assert!(said.contains("there is no alarm store"), "{said}");
    node.stop().await;
}

#[tokio::test]
async fn two_frontends_share_a_store_in_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let nats = NatsServer::with_jetstream().await;
    let setup = Setup::default()
        .with_default_assets()
        .directives_of("be-1", &directive_file(&[brute_force(1, 2)]))
        .env("DSIEM_ALARM_STORE", &postgres.url());
    let mut frontends =
        [Node::frontend(&nats, "fe-1", setup.clone()).await, Node::frontend(&nats, "fe-2", setup).await];
    let mut backend = Node::launch_backend(&nats, frontends[0].http.url(), "be-1", Setup::default()).await;
    backend.wait_ready().await;
    for n in 0..20 {
        frontends[n % 2].http.send(&attack(&format!("a{n}"), &format!("192.168.1.{n}"), 2)).await;
    }
    wait_for_events(&[&frontends[0], &frontends[1]], 80).await;
    let alarms = backend.wait_for_alarms(20).await;
    backend.stop().await;
    for frontend in &mut frontends {
        frontend.stop().await;
    }
    let url = postgres.url();
    let ids: Vec<_> =
        alarms.iter().map(|alarm| alarm["alarm_id"].as_str().expect("an id").to_owned()).collect();
    let look = move || {
        let store = AlarmStore::open_server(&url, Words::default()).expect("a store");
        for id in &ids {
            let (alarm, counts) = read(&store, id);
            assert_eq!(alarm.document.risk, 10, "{id}");
            assert_eq!(counts.iter().map(|count| count.events).sum::<u64>(), 4, "{id}");
        }
    };
    tokio::task::spawn_blocking(look).await.expect("it is all there");
}

/// A PostgreSQL server in a folder of its own, behind a socket. Ends when it is dropped.
struct Postgres {
    folder: tempfile::TempDir,
    programs: std::path::PathBuf,
}

impl Postgres {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        let programs = versions.map(|version| version.path().join("bin")).max()?;
        let folder = tempfile::Builder::new().prefix("dsiem-pg-").tempdir().expect("a temporary folder");
        let postgres = Self { folder, programs };
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(postgres.folder.path()).status();
            assert!(owned.expect("chown").success());
        }
        postgres.run(
            "\"$1/initdb\" -D \"$2/data\" -U dsiem -A trust -E UTF8 --locale=C --no-sync >/dev/null && \
             \"$1/pg_ctl\" -D \"$2/data\" -w -l \"$2/log\" start >/dev/null \
                -o \"-c listen_addresses= -c unix_socket_directories='$2' -c fsync=off\"",
        );
        Some(postgres)
    }

    fn url(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://dsiem@{folder}/postgres")
    }

    /// Runs a line of shell as a user who may run the server.
    fn run(&self, line: &str) {
        let mut shell = Command::new(if is_root() { "runuser" } else { "sh" });
        if is_root() {
            shell.args(["-u", "postgres", "--", "sh"]);
        }
        let shell = shell.args(["-c", line, "sh"]).arg(&self.programs).arg(self.folder.path());
        assert!(shell.current_dir("/").status().expect("a shell").success(), "{line}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("\"$1/pg_ctl\" -D \"$2/data\" -m immediate stop >/dev/null");
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").expect("Linux").uid() == 0
}
