//! Command lines and environments of existing installations: every flag and variable of dsiem-rs for the two servers,
//! and Go's flags and `DSIEM_MODE` for `dsiem serve`, as they are written there. What they mean is tested beside the
//! code; here the real programs take them all and do what shows.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use dsiem_tests::ports;
use dsiem_tests::process::{Binary, Program};
use dsiem_tests::samples::{attack, brute_force, directive_file, event};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What is said when the arguments were taken.
fn started(binary: Binary) -> &'static str {
    match binary {
        Binary::Dsiem => "dsiem started",
        Binary::Frontend => "frontend started",
        // There is no frontend, and it waits for one.
        Binary::Backend => "no configuration from the frontend yet",
    }
}

/// Words of a command line and variables, both separated by blanks; `PORT` stands for a free port.
type Case = (Binary, &'static str, &'static str);

/// A home in which `dsiem` can start.
fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    let configs = home.path().join("configs");
    std::fs::create_dir(&configs).expect("a folder of the test's own");
    let assets = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]});
    for (name, content) in
        [("assets_a.json", assets), ("directives_a.json", directive_file(&[brute_force(1, 2)]))]
    {
        std::fs::write(configs.join(name), content.to_string()).expect("a file of the test's own");
    }
    home
}

fn run((binary, words, variables): Case, home: &TempDir) -> Program {
    let port = ports::free().to_string();
    let words: Vec<_> = words.split_whitespace().map(|word| word.replace("PORT", &port)).collect();
    let home = ("DSIEM_HOME".to_owned(), home.path().display().to_string());
    let variables = variables.split_whitespace().map(|variable| {
        let (name, value) = variable.split_once('=').expect("NAME=value");
        (name.to_owned(), value.replace("PORT", &port))
    });
    Program::start(binary, &format!("{} {}", binary.name(), words.join(" ")), &words, variables.chain([home]))
}

/// Starts, and stops when told; returns what was said.
async fn starts(case: Case) -> String {
    let home = home();
    let mut program = run(case, &home);
    program.wait_for_log(started(case.0)).await;
    program.sigterm();
    assert_eq!(program.wait_exit().await, 0, "{case:?}");
    program.log()
}

#[tokio::test]
async fn every_flag_of_existing_installations_is_taken() {
    use Binary::{Backend, Dsiem, Frontend};
    let cases: [Case; 9] = [
        (
            Frontend,
            "-v --debug --trace -j serve -n fe -a 127.0.0.1 -p PORT --msq nats://127.0.0.1:9 -e 1000 -i 100 -q 0 \
                    --writable-config -s A,B -t C --otel-tracing-enabled --otel-endpoint http://127.0.0.1:9",
            "",
        ),
        (
            Frontend,
            "serve --node fe --ip-address ::1 --tcp-port PORT --msq nats://127.0.0.1:9 --max_eps 1000 --min_eps 100 \
                    --max_queue 5 --status A --tags B -vv --json --debug --trace",
            "",
        ),
        (
            Frontend,
            "--verbosity --json serve --node=fe --ip-address=127.0.0.1 --tcp-port=PORT --max-eps=1000 --min-eps=100 \
                    --max-queue=5 --otel-metrics-enabled=false --max-body 1MiB --io-threads 1 \
                    --alarm-store off --alarm-retention-days 0 --alarm-store-max-gib 1 --max-peer-eps 1000 --max-peer-connections 100 --events-token 0123456789abcdef --config-token 0123456789abcdef \
                    --nats-user me --nats-password s3cret --auth header --trusted-proxies 10.0.0.0/24,::1 --auth-header X-User \
                    --auth-role-header X-Groups --public-url https://siem.example",
            "",
        ),
        (
            Backend,
            "-v --debug --trace -j serve -n be -f http://127.0.0.1:9 --msq nats://127.0.0.1:9 -e 1000 -q 0 -d 0 -l 0 \
                   -c 10 -s A,B -t C --intel_private_ip --reload-backlogs --preload-all-directives --filter-threads 0 \
                   --otel-tracing-enabled --otel-metrics-enabled --otel-endpoint http://127.0.0.1:9",
            "",
        ),
        (
            Backend,
            "serve --node be --frontend http://127.0.0.1:9 --msq nats://127.0.0.1:9 --max_eps 1 --max_queue 1 \
                   --max_delay 1 --hold_duration 1 --min-alarm-lifetime 1 --med_risk_min 2 --med_risk_max 9 --cache 1 \
                   --status A --tags B --filter-threads 1 --io-threads 3 --idle-directives-timeout 5 -vv --json",
            "",
        ),
        (
            Backend,
            "serve --node=be --frontend=http://127.0.0.1:9 --max-eps=1 --max-queue=1 --max-delay=1 --hold-duration=1 \
                   --med-risk-min=2 --med-risk-max=9 --intel-private-ip=no --reload-backlogs=off \
                   --preload-all-directives=0 --metrics-address 127.0.0.1:PORT --duplicate-window 1 \
                   --time-order-tolerance 0 --max-clock-skew 1 --lenient-directives --ignore-protocol --max-backlogs 1 --stop-grace 5 \
                   --config-token 0123456789abcdef --nats-token s3cret",
            "",
        ),
        (
            Dsiem,
            "serve -a 127.0.0.1 -p PORT -d 1 -q 2 -e 30 -i 4 -l 5 -n 6 -c 7 -t A,B -s C --medRiskMin 2 --medRiskMax 8 \
                 --node n --msq nats://h:1 --frontend http://f --writeableConfig --intelPrivateIP --apm --pprof --dev \
                 --websocket --trace --debug",
            "",
        ),
        (
            Dsiem,
            "--debug serve --address 127.0.0.1 --port PORT --maxDelay 1 --maxQueue 2 --maxEPS 30 --minEPS 4 \
                 --minAlarmLifetime 5 --holdDuration 6 --cacheDuration 7 --tags A --status B --mode standalone",
            "",
        ),
        (
            Dsiem,
            "serve --ip-address 127.0.0.1 --tcp-port PORT --max_delay 1 --max-queue 2 --max_eps 30 --min-eps 4 \
                 --min-alarm-lifetime 5 --hold_duration 6 --cache 7 --writable-config=no --reload-backlogs=yes \
                 --io-threads=0 --max-peer-eps 1000 --max-peer-connections 100 --events-token 0123456789abcdef --config-token 0123456789abcdef --nats-token s3cret",
            "",
        ),
    ];
    for case in cases {
        starts(case).await;
    }
}

/// Every boolean variable of the three programs.
const BOOLEANS: [&str; 11] = [
    "DSIEM_DEBUG",
    "DSIEM_TRACE",
    "DSIEM_JSON",
    "DSIEM_WRITEABLECONFIG",
    "DSIEM_INTELPRIVATEIP",
    "DSIEM_RELOAD_BACKLOGS",
    "DSIEM_PRELOAD_DIRECTIVES",
    "DSIEM_OTEL_TRACING_ENABLED",
    "DSIEM_OTEL_METRICS_ENABLED",
    "DSIEM_APM",
    "DSIEM_AUTH_OFF_ANYWAY",
];

/// Every other variable, with a value.
const VALUES: [(&str, &str); 34] = [
    ("DSIEM_NODE", "n"),
    ("DSIEM_ADDRESS", "127.0.0.1"),
    ("DSIEM_PORT", "PORT"),
    ("DSIEM_MSQ", "nats://127.0.0.1:9"),
    ("DSIEM_FRONTEND", "http://127.0.0.1:9"),
    ("DSIEM_MAXEPS", "1000"),
    ("DSIEM_MINEPS", "100"),
    ("DSIEM_MAXQUEUE", "0"),
    ("DSIEM_STATUS", "Open,Closed"),
    ("DSIEM_TAGS", "A,B"),
    ("DSIEM_MEDRISKMIN", "3"),
    ("DSIEM_MEDRISKMAX", "6"),
    ("DSIEM_MINALARMLIFETIME", "0"),
    ("DSIEM_CACHEDURATION", "10"),
    ("DSIEM_HOLDDURATION", "10"),
    ("DSIEM_MAXDELAY", "180"),
    ("DSIEM_FILTER_THREADS", "0"),
    ("DSIEM_CORRELATION_THREADS", "0"),
    ("DSIEM_IO_THREADS", "2"),
    ("DSIEM_DIRECTIVES_IDLE_TIMEOUT_MINUTES", "10"),
    ("DSIEM_OTEL_ENDPOINT", "http://127.0.0.1:9"),
    ("DSIEM_DUPLICATE_WINDOW", "600"),
    ("DSIEM_ALARM_STORE", "off"),
    ("DSIEM_ALARM_RETENTION_DAYS", "30"),
    ("DSIEM_ALARM_STORE_MAX_GIB", "0"),
    ("DSIEM_AUTH", "on"),
    ("DSIEM_PUBLIC_URL", "https://siem.example"),
    ("DSIEM_TRUSTED_PROXIES", "10.0.0.0/24,127.0.0.1"),
    ("DSIEM_AUTH_HEADER", "X-User"),
    ("DSIEM_AUTH_ROLE_HEADER", "X-Groups"),
    ("DSIEM_OIDC_ISSUER", "https://id.example/realm"),
    ("DSIEM_OIDC_CLIENT_ID", "dsiem"),
    ("DSIEM_OIDC_SCOPES", "profile,groups"),
    ("DSIEM_OIDC_ROLE_CLAIM", "groups"),
];

/// What closes doors. Each names a file or makes others necessary, so that they are tried in `doors.rs`.
const DOORS: [&str; 25] = [
    "DSIEM_ADMIN_PASSWORD",
    "DSIEM_ADMIN_PASSWORD_FILE",
    "DSIEM_OIDC_CLIENT_SECRET",
    "DSIEM_OIDC_CLIENT_SECRET_FILE",
    "DSIEM_OIDC_DEFAULT_ROLE",
    "DSIEM_ALARM_STORE_FILE",
    "DSIEM_EVENTS_TOKEN",
    "DSIEM_EVENTS_TOKEN_FILE",
    "DSIEM_CONFIG_TOKEN",
    "DSIEM_CONFIG_TOKEN_FILE",
    "DSIEM_TLS_CERT",
    "DSIEM_TLS_KEY",
    "DSIEM_MAX_PEER_EPS",
    "DSIEM_MAX_PEER_CONNECTIONS",
    "DSIEM_FRONTEND_CA",
    "DSIEM_NATS_USER",
    "DSIEM_NATS_PASSWORD",
    "DSIEM_NATS_PASSWORD_FILE",
    "DSIEM_NATS_TOKEN",
    "DSIEM_NATS_TOKEN_FILE",
    "DSIEM_NATS_NKEY_FILE",
    "DSIEM_NATS_CREDS_FILE",
    "DSIEM_NATS_CA",
    "DSIEM_NATS_CERT",
    "DSIEM_NATS_KEY",
];

/// The values, and every boolean written in one way.
fn environment(boolean: &str) -> &'static str {
    let values = VALUES.iter().map(|(name, value)| format!("{name}={value}"));
    let booleans = BOOLEANS.iter().map(|name| format!("{name}={boolean}"));
    values.chain(booleans).collect::<Vec<_>>().join(" ").leak()
}

#[tokio::test]
async fn every_variable_is_taken_and_booleans_in_every_spelling() {
    for (n, boolean) in
        ["true", "false", "1", "0", "yes", "no", "on", "off", "True", "OFF", ""].iter().enumerate()
    {
        // Each program reads them alike; to try one at a time is enough.
        let binary = [Binary::Frontend, Binary::Backend, Binary::Dsiem][n % 3];
        let log = starts((binary, "serve", environment(boolean))).await;
        let json = ["true", "1", "yes", "on", "True"].contains(boolean);
        assert_eq!(log.lines().next().is_some_and(|line| line.starts_with('{')), json, "{boolean}: {log}");
    }
}

#[tokio::test]
async fn empty_variables_count_as_unset() {
    let names = VALUES
        .iter()
        .map(|(name, _)| *name)
        .chain(BOOLEANS)
        .chain(["DSIEM_MODE", "DSIEM_LENIENT_DIRECTIVES"])
        .chain(DOORS);
    let unset = names.map(|name| format!("{name}=")).collect::<Vec<_>>().join(" ").leak();
    starts((Binary::Dsiem, "serve -a 127.0.0.1 -p PORT", unset)).await;
    starts((Binary::Frontend, "serve -a 127.0.0.1 -p PORT -n fe", unset)).await;
    starts((Binary::Backend, "serve -n be -f http://127.0.0.1:9", unset)).await;
}

#[tokio::test]
async fn what_can_be_seen_of_the_options_is_as_they_say() {
    let setup = Setup::new(&directive_file(&[brute_force(1, 2)]))
        .flags("--maxEPS 1000 --minEPS 100 --medRiskMin 2 --medRiskMax 9")
        .env("DSIEM_STATUS", "New, Done")
        .env("DSIEM_TAGS", "A,B")
        .env("DSIEM_WRITEABLECONFIG", "yes")
        .env("DSIEM_APM", "1");
    let mut node = Node::standalone(setup).await;
    node.program.wait_for_log("--apm (DSIEM_APM) has no effect").await;
    assert_eq!(node.http.metric("dsiem_frontend_rate_limit").await, 550);
    let choices = node.http.get("/config/dsiem_config.json").await.json();
    assert_eq!(choices, json!({"status": ["New", "Done"], "tags": ["A", "B"]}));
    let assets = json!({"assets": [{"name": "x", "cidr": "10.1.0.0/16", "value": 1}]}).to_string();
    assert_eq!(node.http.post("/config/assets_new.json", assets.clone()).await.status, 201);
    node.http.send(&attack("a", "192.168.0.9", 2)[..3]).await;
    let alarm = node.wait_for_alarm("risk 5", |alarm| alarm["risk"] == 5).await;
    assert_eq!(
        (&alarm["status"], &alarm["tag"], &alarm["risk_class"]),
        (&"New".into(), &"A".into(), &"Medium".into())
    );
    node.stop().await;

    node.start_again_with(Setup::default().env("DSIEM_WRITEABLECONFIG", "0")).await;
    assert_eq!(node.http.post("/config/assets_new.json", assets).await.status, 405);
    node.stop().await;
}

/// One good directive and one that cannot work.
fn with_a_bad_one() -> Value {
    let mut bad = brute_force(2, 2);
    bad["rules"][1]["from"] = json!("10.0.0.0/99");
    directive_file(&[brute_force(1, 2), bad])
}

#[tokio::test]
async fn directives_load_leniently_where_a_mode_is_set_and_strictly_otherwise() {
    let bad = Setup::new(&with_a_bad_one());
    for lenient in [
        bad.clone().env("DSIEM_MODE", "standalone"),
        bad.clone().flags("-m standalone"),
        bad.clone().env("DSIEM_LENIENT_DIRECTIVES", "on"),
    ] {
        let mut node = Node::standalone(lenient).await;
        assert_eq!(node.http.metric("dsiem_directives_ttl").await, 1);
        assert_eq!(node.http.metric("dsiem_directives_skipped").await, 1);
        assert!(node.http.readiness().await["degraded"]["directives"].is_string());
        node.program.wait_for_log("directives_test.json").await;
        node.stop().await;
    }
    for strict in ["", "DSIEM_MODE=standalone DSIEM_LENIENT_DIRECTIVES=0"] {
        let home = home();
        let file = home.path().join("configs/directives_bad.json");
        std::fs::write(file, with_a_bad_one().to_string().replace("\"id\":1", "\"id\":7")).unwrap();
        let mut program = run((Binary::Dsiem, "serve -a 127.0.0.1 -p PORT", strict), &home);
        assert_eq!(program.wait_exit().await, 1);
        for part in ["directives_bad.json", "directive 2", "stage 2", "10.0.0.0/99"] {
            program.wait_for_log(part).await;
        }
    }
}

#[tokio::test]
async fn dsiem_mode_makes_a_cluster_out_of_the_one_binary() {
    let nats = NatsServer::start().await;
    let (fe_home, be_home) = (home(), tempfile::tempdir().unwrap());
    let (from, to) = ("configs/directives_a.json", "configs/directives_be-1_a.json");
    std::fs::rename(fe_home.path().join(from), fe_home.path().join(to)).unwrap();
    let (fe_port, be_port) = (ports::free(), ports::free());
    let common = format!("DSIEM_MSQ={} DSIEM_ADDRESS=127.0.0.1", nats.url());
    let fe = format!("{common} DSIEM_MODE=cluster-frontend DSIEM_NODE=fe-1 DSIEM_PORT={fe_port}");
    let be = format!(
        "{common} DSIEM_MODE=cluster-backend DSIEM_NODE=be-1 DSIEM_FRONTEND=http://127.0.0.1:{fe_port} \
                      DSIEM_METRICS_ADDRESS=127.0.0.1:{be_port}"
    );
    let mut frontend = run((Binary::Dsiem, "serve", fe.leak()), &fe_home);
    frontend.wait_for_log("connected to NATS").await;
    let mut backend = run((Binary::Dsiem, "serve", be.leak()), &be_home);
    backend.wait_for_log("backend started").await;
    nats.wait_for_subscriber("be-1", dsiem_tests::nats::EVENTS).await;
    let http = dsiem_tests::http::Http::new(&format!("http://127.0.0.1:{fe_port}"));
    http.send(&[event("a", 1, "192.168.0.9")]).await;
    let metrics = dsiem_tests::http::Http::new(&format!("http://127.0.0.1:{be_port}"));
    metrics.wait_for_metric("dsiem_pairs_opened_total", 1).await;
    for program in [&mut backend, &mut frontend] {
        program.sigterm();
        assert_eq!(program.wait_exit().await, 0);
    }
}
