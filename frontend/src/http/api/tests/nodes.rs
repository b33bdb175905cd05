//! The processes of the installation, how much is going on, and open backlogs.

use std::time::Duration;

use dsiem_runtime::bus::{BacklogAnswer, BacklogProgress, backlog_queries};
use dsiem_runtime::nodes::{
    BacklogFigures, Book, DirectiveFigures, EVENTS_ACCEPTED, EVENTS_RECEIVED, NodeKind, NodeReport, Rate,
};

use super::*;

fn report(kind: NodeKind, node: &str) -> NodeReport {
    let rate = |now| Rate { now, minute: now / 2.0 };
    let mut report = NodeReport {
        node: node.to_owned(),
        run: format!("run of {node}"),
        kind,
        version: "1.2.3".to_owned(),
        started: NOW - 60,
        met: vec!["event_bus".to_owned()],
        ..NodeReport::default()
    };
    if kind == NodeKind::Frontend {
        report.rates.insert(EVENTS_ACCEPTED.to_owned(), rate(12.5));
    } else {
        report.rates.insert(EVENTS_RECEIVED.to_owned(), rate(10.0));
        report.backlogs = Some(BacklogFigures { open: 3, limit: Some(100), by_directive: vec![(7, 3)] });
        report.directives = Some(DirectiveFigures { loaded: 20, active: 2, skipped: 1 });
    }
    report
}

fn asker(nodes: &Nodes) -> Asker {
    Asker::knowing(nodes.clone())
}

#[tokio::test(start_paused = true)]
async fn the_installation_is_shown_with_what_is_wrong_first_and_silence_is_wrong() {
    let mut ill = report(NodeKind::Backend, "be-1");
    ill.degraded.insert("ledger".to_owned(), "<b>3 are missing</b>".to_owned());
    ill.books.push(Book { name: "events".to_owned(), balanced: false, ..Book::default() });
    let own = report(NodeKind::Frontend, "fe-1");
    let nodes =
        Nodes::of(vec![own.clone(), ill, report(NodeKind::Backend, "be-2")], BacklogAsker::Nobody, NOW);
    let asker = asker(&nodes);
    let system = asker.get("/system").await;
    assert_eq!(
        (system["frontend"]["node"].clone(), system["uptime_secs"].clone()),
        (json!("fe-1"), json!(60))
    );
    assert_eq!(system["frontend"]["is_this"], true);
    assert_eq!(system["frontend"]["open_backlogs"], Value::Null);
    let backends = system["backends"].as_array().unwrap();
    assert_eq!(backends.len(), 2);
    assert_eq!((backends[0]["node"].clone(), backends[0]["state"].clone()), (json!("be-1"), json!("alive")));
    assert_eq!(backends[0]["events_received"], json!({"now": 10.0, "minute": 5.0}));
    assert_eq!(backends[0]["directives"], json!({"loaded": 20, "active": 2, "skipped": 1}));
    assert_eq!(system["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(system["ledger"], json!({"balanced": false, "off": [{"node": "be-1", "book": "events"}]}));
    let first = json!({"node": "be-1", "name": "ledger", "ok": false, "state": "degraded",
        "detail": "<b>3 are missing</b>"});
    assert_eq!(system["conditions"][0], first);

    tokio::time::advance(Duration::from_secs(20)).await;
    nodes.hear(own);
    nodes.hear(report(NodeKind::Backend, "be-2"));
    let system = asker.get("/system").await;
    let backends = system["backends"].as_array().unwrap();
    assert_eq!(
        (backends[0]["state"].clone(), backends[0]["silent_secs"].clone()),
        (json!("silent"), json!(20))
    );
    assert_eq!(backends[1]["state"], "alive");
    let first = &system["conditions"][0];
    assert_eq!((first["node"].clone(), first["name"].clone()), (json!("be-1"), json!("reports")));
}

#[tokio::test(start_paused = true)]
async fn what_is_going_on_is_that_of_all_processes_together() {
    let reports = vec![
        report(NodeKind::Frontend, "fe-1"),
        report(NodeKind::Frontend, "fe-2"),
        report(NodeKind::Backend, "be-1"),
        report(NodeKind::Backend, "be-2"),
    ];
    let asker = asker(&Nodes::of(reports, BacklogAsker::Nobody, NOW + 3));
    let figures = asker.get("/statistics/engine?minutes=1").await;
    let now = (figures["events_per_second"].clone(), figures["events_handled_per_second"].clone());
    assert_eq!(now, (json!(25.0), json!(10.0)), "each backend takes all events");
    assert_eq!((figures["open_backlogs"].clone(), figures["step_secs"].clone()), (json!(6), json!(5)));
    assert_eq!(
        (figures["points"][0]["at"].clone(), figures["points"][0]["open_backlogs"].clone()),
        (json!(NOW), json!(6))
    );
    let (status, _) = asker.ask("viewer", "GET", "/statistics/engine?minutes=61", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn open_backlogs_are_asked_of_the_backends() {
    let (sender, mut queries) = backlog_queries();
    let nodes = Nodes::of(vec![report(NodeKind::OneProcess, "dsiem")], sender, NOW);
    let asker = asker(&nodes);
    let open = |deadline| BacklogProgress {
        alarm_id: format!("until {deadline}"),
        stage: 2,
        stages: 3,
        events: 4,
        needed: 10,
        since: NOW - 10,
        deadline,
        src_ips: vec![[10, 0, 0, 1].into()],
        dst_ips: Vec::new(),
        risk: 1,
    };
    let answering = tokio::spawn(async move {
        while let Some(query) = queries.next().await {
            let answer = match query.directive_id {
                7 => BacklogAnswer {
                    known: true,
                    open: 900,
                    backlogs: vec![open(20), open(10)],
                    ..BacklogAnswer::default()
                },
                8 => BacklogAnswer { known: true, busy: true, open: 5, ..BacklogAnswer::default() },
                // Nobody answers.
                9 => continue,
                _ => BacklogAnswer::default(),
            };
            query.answer(BacklogAnswer { node: "dsiem".to_owned(), ..answer }).await;
        }
    });
    let found = asker.get("/directives/7/backlogs").await;
    assert_eq!((found["open"].clone(), found["is_complete"].clone()), (json!(900), json!(true)));
    let expected = json!({"node": "dsiem", "alarm_id": "until 10", "is_alarm": true, "risk": 1, "stage": 2, "stages": 3,
        "events": 4, "needed": 10, "since": NOW - 10, "deadline": 10, "src_ips": ["10.0.0.1"], "dst_ips": []});
    assert_eq!(found["backlogs"][0], expected, "the one whose time is up first");
    let busy = asker.get("/directives/8/backlogs").await;
    assert_eq!(busy, json!({"open": 5, "is_complete": false, "backlogs": []}));
    let silent = asker.get("/directives/9/backlogs").await;
    assert_eq!(silent, json!({"open": 0, "is_complete": false, "backlogs": []}));
    for unknown in ["10", "nonsense"] {
        let path = format!("/directives/{unknown}/backlogs");
        let (status, problem) = asker.ask("viewer", "GET", &path, Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    }
    answering.abort();
}

#[tokio::test(start_paused = true)]
async fn the_list_of_directives_says_how_many_backlogs_each_has_where_that_is_known() {
    let reports = vec![report(NodeKind::Frontend, "fe-1"), report(NodeKind::Backend, "be-1")];
    let asker = asker(&Nodes::of(reports, BacklogAsker::Nobody, NOW));
    std::fs::write(asker.folder.path().join("directives_a.json"), directives().to_string()).unwrap();
    assert_eq!(asker.get("/directives").await["directives"][0]["open_backlogs"], 3);
    assert_eq!(asker.get("/directives/7").await["open_backlogs"], 3);
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(asker.get("/directives/7").await["open_backlogs"], Value::Null, "the backend is silent");
}
