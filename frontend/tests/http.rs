//! What a sender gets: http.md, line by line, for all that the frontend serves.
//!
//! Each test sends requests through one door, [`Sender::check`], to a frontend on the bus in memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod support;

use axum::http::{Method, StatusCode};
use support::{Asked, Bus, EVENT, Sender, event, gzip, without, zstd};

const OK: u16 = 200;

#[tokio::test]
async fn unknown_paths_and_methods() {
    let sender = Sender::new();
    for path in
        ["/nothing", "/events/x", "/event", "/eventsx", "/uix", "/configx", "/debug/vars/", "//events"]
    {
        sender.check(Asked::get(path), 404, r#"{"error":"there is nothing at"#).await;
        sender.check(Asked::post(path, EVENT), 404, "").await;
    }
    for (method, path, allow) in [
        (Method::GET, "/events", "POST"),
        (Method::PUT, "/events/", "POST"),
        (Method::DELETE, "/events", "POST"),
        (Method::POST, "/config", "GET,HEAD"),
        (Method::DELETE, "/config/", "GET,HEAD"),
        (Method::POST, "/config/assets_x.json", "GET,HEAD"),
        (Method::DELETE, "/config/assets_x.json", "GET,HEAD"),
        (Method::PUT, "/config/assets_x.json", "GET,HEAD"),
        (Method::POST, "/ui/", "GET,HEAD"),
        (Method::POST, "/", "GET,HEAD"),
        (Method::POST, "/metrics", "GET,HEAD"),
    ] {
        let answer = sender.check(Asked::new(method, path, ""), 405, "is not possible on").await;
        assert_eq!(answer.header("allow"), allow, "{path}");
        let options = sender.check(Asked::new(Method::OPTIONS, path, ""), 204, "").await;
        assert_eq!(options.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn valid_events_get_an_empty_200_and_are_on_the_bus() {
    let mut sender = Sender::new();
    for path in ["/events", "/events/"] {
        let answer = sender.check(Asked::post(path, EVENT), OK, "").await;
        assert!(answer.body.is_empty());
    }
    let two = format!("[{},{}]", event("a"), event("b"));
    assert!(sender.check(Asked::post("/events", &two), OK, "").await.body.is_empty());
    let lines = format!("{}\n\r\n{}\r\n", event("c"), event("d"));
    for content_type in ["application/x-ndjson", "Application/X-NDJSON; charset=utf-8"] {
        let answer =
            sender.check(Asked::post("/events", &lines).header("content-type", content_type), OK, "").await;
        assert!(answer.body.is_empty());
    }
    let ids: Vec<_> =
        sender.published().await.iter().map(|e| e["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["e1", "e1", "a", "b", "c", "d", "c", "d"]);
}

#[tokio::test]
async fn any_content_type_is_read_as_json() {
    let sender = Sender::new();
    for content_type in
        ["text/plain", "application/octet-stream", "application/json; charset=latin1", "nonsense", ""]
    {
        sender.check(Asked::post("/events", EVENT).header("content-type", content_type), OK, "").await;
    }
    sender.check(Asked::post("/events", EVENT), OK, "").await;
    // Two lines are not JSON unless they are said to be NDJSON.
    let lines = format!("{EVENT}\n{EVENT}");
    sender.check(Asked::post("/events", &lines), 400, "is not JSON").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_frontend_sets_itself_is_overwritten_and_all_fields_are_there() {
    let mut sender = Sender::new();
    let sent = EVENT.replacen(
        '{',
        r#"{"conn_id":77,"rcvd_time":5,"carrier":{"a":"b"},"src_index_pattern":"x-*","#,
        1,
    );
    sender.check(Asked::post("/events", &sent), OK, "").await;
    sender.check(Asked::post("/events", &format!("[{EVENT},{EVENT}]")), OK, "").await;
    let events = sender.published().await;
    let conn_ids: Vec<_> = events.iter().map(|e| e["conn_id"].as_u64().unwrap()).collect();
    assert_eq!(conn_ids, [1, 2, 2], "the number of the request");
    assert_eq!(events[0]["rcvd_time"], support::NOW.nanos());
    assert_eq!(events[0]["carrier"], serde_json::json!({}));
    assert_eq!(events[0]["timestamp"], "2024-03-01T09:00:00Z", "in UTC");
    assert!(events[0].get("src_index_pattern").is_none());
    for field in ["title", "subcategory", "custom_data1", "custom_label3"] {
        assert_eq!(events[0][field], "", "{field}");
    }
    assert_eq!((&events[0]["src_port"], &events[0]["dst_port"]), (&0.into(), &0.into()));
}

#[tokio::test]
async fn bodies_that_are_not_json_are_400() {
    let sender = Sender::new();
    let cut = &EVENT[..EVENT.len() - 1];
    for body in [
        "",
        " ",
        "nonsense",
        "{",
        "[",
        "}",
        "{]",
        "[{]}",
        "{'event_id':1}",
        "{}{}",
        "[],[]",
        "\u{feff}{}",
        "NaN",
        cut,
    ] {
        sender.check(Asked::post("/events", body), 400, "the body is not JSON").await;
    }
    for body in [&b"\xff\xfe"[..], b"{\"title\":\"\xc3\"}", b"[\"\xed\xa0\x80\"]"] {
        sender.check(Asked::post("/events", body), 400, "is not UTF-8 from byte").await;
    }
    let ndjson = |body: &str| Asked::post("/events", body).header("content-type", "application/x-ndjson");
    for body in ["", "\n\n", "nonsense", "{\n}\nx"] {
        sender.check(ndjson(body), 400, "the body is not JSON").await;
    }
    assert_eq!(sender.metric("dsiem_frontend_events_received_total"), 0);
}

#[tokio::test]
async fn compressed_bodies_are_read_and_damaged_ones_are_400() {
    let mut sender = Sender::new();
    let coded = |coding: &str, body: Vec<u8>| Asked::post("/events", body).header("content-encoding", coding);
    sender.check(coded("gzip", gzip(EVENT.as_bytes())), OK, "").await;
    sender.check(coded("zstd", zstd(EVENT.as_bytes())), OK, "").await;
    sender.check(coded("identity", EVENT.as_bytes().to_vec()), OK, "").await;
    assert_eq!(sender.published().await.len(), 3);
    for (coding, whole) in [("gzip", gzip(EVENT.as_bytes())), ("zstd", zstd(EVENT.as_bytes()))] {
        let error = format!("not whole and correct {coding}");
        sender.check(coded(coding, whole[..whole.len() - 3].to_vec()), 400, &error).await;
        sender.check(coded(coding, EVENT.as_bytes().to_vec()), 400, &error).await;
    }
    // Whole, but what is inside is not JSON.
    sender.check(coded("gzip", gzip(b"\xff")), 400, "UTF-8").await;
    for coding in ["br", "deflate", "compress", "gzip, gzip", "nonsense"] {
        sender.check(coded(coding, EVENT.as_bytes().to_vec()), 415, "send gzip, zstd or identity").await;
    }
}

#[tokio::test]
async fn bodies_above_the_limit_are_413_also_when_decompressed() {
    let sender = Sender::with(|config| config.max_body = 100_000);
    let padded = |size: usize| format!("{EVENT}{}", " ".repeat(size - EVENT.len()));
    sender.check(Asked::post("/events", &padded(100_000)), OK, "").await;
    sender.check(Asked::post("/events", &padded(100_001)), 413, "larger than 100000 bytes (--max-body").await;
    for bomb in [100_001, 5_000_000] {
        let bomb = vec![b' '; bomb];
        let coded = |coding: &str, body| Asked::post("/events", body).header("content-encoding", coding);
        sender.check(coded("gzip", gzip(&bomb)), 413, "decompressed from gzip").await;
        sender.check(coded("zstd", zstd(&bomb)), 413, "decompressed from zstd").await;
    }
    let many = format!("[{}1]", "1,".repeat(50_000));
    let sender = Sender::new();
    sender
        .check(Asked::post("/events", &many), 413, "50001 events, and the most in one request is 50000")
        .await;
}

#[tokio::test]
async fn one_invalid_event_is_418_with_field_and_reason() {
    let mut sender = Sender::new();
    for (body, field) in [
        (without("event_id"), "event_id"),
        (without("timestamp"), "timestamp"),
        (without("sensor"), "sensor"),
        (without("src_ip"), "src_ip"),
        (without("dst_ip"), "dst_ip"),
        (EVENT.replace("\"e1\"", "\"\""), "event_id"),
        (EVENT.replace("\"e1\"", "7"), "event_id"),
        (EVENT.replace("10.0.0.1", "10.0.0.256"), "src_ip"),
        (EVENT.replace("10.0.0.1", "%{[src_ip]}"), "src_ip"),
        (EVENT.replace("10.0.0.1", "10.0.0.1\\u0000"), "src_ip"),
        (EVENT.replace("2024-03-01T10:00:00+01:00", "2024-03-01 10:00:00"), "timestamp"),
        (EVENT.replace("2024-03-01T10:00:00+01:00", "yesterday"), "timestamp"),
        (EVENT.replacen('{', "{\"src_port\":65536,", 1), "src_port"),
        (EVENT.replacen('{', "{\"dst_port\":-1,", 1), "dst_port"),
        (EVENT.replacen('{', "{\"dst_port\":\"80\",", 1), "dst_port"),
        (EVENT.replacen('{', "{\"src_port\":1e400,", 1), "src_port"),
        (EVENT.replacen('{', "{\"title\":[1],", 1), "title"),
        (EVENT.replacen('{', "{\"category\":{\"a\":1},", 1), "category"),
        (EVENT.replace("\"plugin_id\":1001", "\"plugin_id\":99999999999999999999999"), "plugin_id"),
        ("5".to_owned(), ""),
        ("\"x\"".to_owned(), ""),
        ("null".to_owned(), ""),
        ("true".to_owned(), ""),
    ] {
        let answer = sender.check(Asked::post("/events", &body), 418, "the event is not valid").await.json();
        let details = answer["details"].as_array().unwrap_or_else(|| panic!("{body}: {answer}"));
        assert!(details.iter().any(|d| d["field"] == field), "{body}: {answer}");
        assert!(details.iter().all(|d| !d["reason"].as_str().unwrap().is_empty()), "{answer}");
    }
    let both = without("event_id").replace("10.0.0.1", "x");
    let answer = sender.check(Asked::post("/events", &both), 418, "").await.json();
    assert_eq!(answer["details"].as_array().unwrap().len(), 2, "all problems, not the first: {answer}");
    assert!(sender.published().await.is_empty());
}

#[tokio::test]
async fn several_events_are_accepted_in_part() {
    let mut sender = Sender::new();
    let mixed = format!("[{},5,{},{{}},{},[]]", event("a"), event("b"), event("c"));
    let answer = sender
        .check(Asked::post("/events", &mixed), OK, r#"{"accepted":3,"refused":[{"index":1,"#)
        .await
        .json();
    let refused: Vec<_> =
        answer["refused"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(refused, [1, 3, 5]);
    assert!(answer["refused"][1]["error"].as_str().unwrap().contains("event_id"), "{answer}");
    let lines = format!("{}\nnonsense\n\n{}\n", event("d"), event("e"));
    let asked = Asked::post("/events", &lines).header("content-type", "application/x-ndjson");
    let answer = sender.check(asked, OK, r#"{"accepted":2,"refused":[{"index":1,"#).await.json();
    assert!(answer.get("refused_total").is_none());
    let ids: Vec<_> = sender.published().await.iter().map(|e| e["event_id"].clone()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn several_events_all_invalid_or_none_at_all_are_418() {
    let mut sender = Sender::new();
    sender.check(Asked::post("/events", "[]"), 418, r#"{"accepted":0,"refused":[]}"#).await;
    sender
        .check(Asked::post("/events", "[{}]"), 418, r#"{"accepted":0,"refused":[{"index":0,"error":"#)
        .await;
    let answer =
        sender.check(Asked::post("/events", "[1,null,[[1]]]"), 418, r#"{"accepted":0,"#).await.json();
    assert_eq!(answer["refused"].as_array().unwrap().len(), 3);
    let many = format!("[{}1]", "1,".repeat(1_499));
    let answer = sender.check(Asked::post("/events", &many), 418, "").await.json();
    assert_eq!(answer["refused"].as_array().unwrap().len(), 1_000, "the list has a limit");
    assert_eq!(answer["refused_total"], 1_500);
    assert!(sender.published().await.is_empty());
}

#[tokio::test]
async fn an_event_larger_than_the_bus_carries_is_refused_with_its_index() {
    let mut sender = Sender::new();
    let large = EVENT.replacen('{', &format!("{{\"title\":\"{}\",", "x".repeat(1 << 20)), 1);
    let asked = Asked::post("/events", &format!("[{EVENT},{large},{EVENT}]"));
    sender.check(asked, OK, r#"{"accepted":2,"refused":[{"index":1,"error":"the event takes 104"#).await;
    sender.check(Asked::post("/events", &large), 418, "bytes on the bus, which carries up to 1048576").await;
    assert_eq!(sender.published().await.len(), 2);
    assert_eq!(sender.metric("dsiem_frontend_events_refused_total{reason=\"too_large\"}"), 2);
}

#[tokio::test]
async fn refused_events_are_kept_in_a_file_and_counted() {
    let sender = Sender::new();
    sender.check(Asked::post("/events", &format!("[{EVENT},{{\"a\":1}}]")), OK, "").await;
    sender.check(Asked::post("/events", "5"), 418, "").await;
    assert_eq!(sender.metric("dsiem_frontend_events_received_total"), 3);
    assert_eq!(sender.metric("dsiem_frontend_events_accepted_total"), 1);
    assert_eq!(sender.metric("dsiem_frontend_events_refused_total{reason=\"invalid\"}"), 2);
    let home = sender.stop().await;
    let kept = std::fs::read_to_string(home.path().join("logs/rejected_events.json")).unwrap();
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&kept[0]["event"], &kept[1]["event"]), (&"{\"a\":1}".into(), &"5".into()));
    assert!(kept[0]["reason"].as_str().unwrap().contains("event_id"), "{kept:?}");
    assert_eq!(kept.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn over_the_rate_limit_is_429_with_nothing_accepted() {
    let mut sender =
        Sender::with(|config| config.throttle = dsiem_frontend::config::throttle(10, 10).unwrap());
    let batch = format!("[{}]", vec![EVENT; 25].join(","));
    sender.check(Asked::post("/events", &batch), OK, "").await;
    let answer = sender.check(Asked::post("/events", EVENT), 429, "the event rate limit is reached").await;
    assert_eq!(answer.header("retry-after"), "2");
    // What is not JSON is told so in any case: it will never be anything else.
    sender.check(Asked::post("/events", "nonsense"), 400, "").await;
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    sender.check(Asked::post("/events", EVENT), OK, "").await;
    assert_eq!(sender.published().await.len(), 26);
    assert_eq!(sender.metric("dsiem_frontend_events_refused_total{reason=\"rate_limited\"}"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_503_and_what_was_refused_can_be_sent_again() {
    let mut sender = Sender::on(Bus::with_room_for(2), |_| {});
    let three = format!("[{EVENT},{EVENT}]");
    sender.check(Asked::post("/events", &three), OK, "").await;
    let answer = sender.check(Asked::post("/events", EVENT), 503, "the events were not accepted: ").await;
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(sender.published().await.len(), 2);
    sender.check(Asked::post("/events", EVENT), OK, "").await;
    assert_eq!(sender.metric("dsiem_frontend_events_refused_total{reason=\"queue_full\"}"), 1);
}

#[tokio::test(start_paused = true)]
async fn more_than_max_queue_events_on_their_way_are_503() {
    let sender = Sender::on(Bus::with_room_for(1), |config| config.max_queue = 2);
    sender.check(Asked::post("/events", EVENT), OK, "").await;
    // Two wait for room on the bus; a third finds no room in our own queue and does not wait at all.
    let waiting =
        async { sender.check(Asked::post("/events", &format!("[{EVENT},{EVENT}]")), 503, "").await };
    let third = async {
        tokio::task::yield_now().await;
        let before = tokio::time::Instant::now();
        sender.check(Asked::post("/events", EVENT), 503, "(--max-queue, DSIEM_MAXQUEUE)").await;
        assert_eq!(before.elapsed(), std::time::Duration::ZERO);
    };
    tokio::join!(waiting, third);
}

#[tokio::test]
async fn a_bus_that_is_away_is_503() {
    let mut sender = Sender::new();
    sender.close_bus();
    let answer = sender.check(Asked::post("/events", EVENT), 503, "the events were not accepted: ").await;
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(sender.metric("dsiem_frontend_events_refused_total{reason=\"not_connected\"}"), 1);
}

#[tokio::test]
async fn configuration_files_are_listed() {
    let sender = Sender::new();
    for path in ["/config", "/config/"] {
        let answer = sender.check(Asked::get(path), OK, "").await;
        assert_eq!(answer.json(), serde_json::json!({ "files": [] }));
    }
    for name in ["vuln_b.json", "assets_a.json", "notes.txt"] {
        sender.put("configs", name, "{}");
    }
    let listed =
        serde_json::json!({ "files": [{ "filename": "assets_a.json" }, { "filename": "vuln_b.json" }] });
    assert_eq!(sender.check(Asked::get("/config"), OK, "").await.json(), listed);
}

#[tokio::test]
async fn a_configuration_file_is_served_byte_for_byte() {
    let sender = Sender::new();
    let content = "{ \"z\": 1,\r\n\t\"a\" : [ ] }\n\n";
    sender.put("configs", "assets_a.json", content);
    let answer = sender.check(Asked::get("/config/assets_a.json"), OK, "").await;
    assert_eq!((answer.body.as_str(), answer.header("content-type")), (content, "application/json"));
    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 2, "{etag}");
    sender.check(Asked::get("/config/assets_a.json").header("if-none-match", &etag), 304, "").await;
    sender.check(Asked::get("/config/assets_a.json").header("if-none-match", "\"x\""), OK, content).await;
    let head = sender.check(Asked::new(Method::HEAD, "/config/assets_a.json", ""), OK, "").await;
    assert_eq!((head.body.as_str(), head.header("etag")), ("", etag.as_str()));
    sender.check(Asked::get("/config/assets_b.json"), 404, "there is no file").await;
}

/// Names that are no names, or ways out of the folder.
const NO_NAMES: [&str; 17] = [
    "x",
    "x.txt",
    "x.json.txt",
    ".json",
    "_x.json",
    "-x.json",
    "x.JSON",
    "..",
    "../configs/assets_a.json",
    "..%2fconfigs%2fassets_a.json",
    "%2e%2e%2fassets_a.json",
    "assets%2fa.json",
    "%2fetc%2fpasswd",
    "%C3%A9.json",
    "assets_a.json%00",
    "%ff.json",
    "a%2Ejso",
];

#[tokio::test]
async fn names_that_are_no_names_are_418() {
    let sender = Sender::with(|config| config.writable_config = true);
    sender.put("configs", "assets_a.json", support::ASSETS);
    let long = format!("{}.json", "a".repeat(300));
    for name in NO_NAMES.into_iter().chain([long.as_str()]) {
        let path = format!("/config/{name}");
        for asked in
            [Asked::get(&path), Asked::post(&path, support::ASSETS), Asked::new(Method::DELETE, &path, "")]
        {
            sender.check(asked, 418, "is not the name of a configuration file").await;
        }
    }
    // A name may be written in percents, as long as it is one.
    sender.check(Asked::get("/config/%61ssets_a%2ejson"), OK, "").await;
}

#[tokio::test]
async fn configuration_files_are_written_and_deleted() {
    let sender = Sender::with(|config| config.writable_config = true);
    for (name, content) in support::CONFIG_FILES {
        let path = format!("/config/{name}");
        sender.check(Asked::new(Method::DELETE, &path, ""), 404, "there is no file").await;
        sender.check(Asked::post(&path, content), 201, "").await;
        sender.check(Asked::get(&path), OK, content).await;
        sender
            .check(Asked::post(&path, gzip(content.as_bytes())).header("content-encoding", "gzip"), 201, "")
            .await;
        sender.check(Asked::new(Method::DELETE, &path, ""), OK, "").await;
        sender.check(Asked::get(&path), 404, "").await;
    }
    let answer = sender.check(Asked::new(Method::PUT, "/config/assets_a.json", ""), 405, "").await;
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        assert!(answer.header("allow").contains(method), "{}", answer.header("allow"));
    }
    // The limit of bodies holds here too.
    let sender = Sender::with(|config| (config.writable_config, config.max_body) = (true, 1_000));
    let large = format!("{}{}", support::ASSETS, " ".repeat(1_000));
    sender.check(Asked::post("/config/assets_a.json", &large), 413, "").await;
}

#[tokio::test]
async fn content_that_fails_the_check_is_418_with_every_problem() {
    let sender = Sender::with(|config| config.writable_config = true);
    sender.put("configs", "assets_a.json", "old");
    let bad = r#"{"assets":[{"name":"a","cidr":"10.0.0.0/99","value":0},{"name":"b","cidr":"x","value":2}]}"#;
    let answer =
        sender.check(Asked::post("/config/assets_a.json", bad), 418, "does not pass the check").await.json();
    let details = answer["details"].as_array().unwrap();
    assert!(details.len() >= 3, "{answer}");
    assert!(details.iter().all(|d| d["severity"] == "error" && d["message"].is_string()), "{answer}");
    for (name, _) in support::CONFIG_FILES {
        for content in ["", "nonsense", "[]", "5", "{}", "{\"assets\":5}", "\u{0}"] {
            sender
                .check(Asked::post(&format!("/config/{name}"), content), 418, "does not pass the check")
                .await;
        }
        let deep = "[".repeat(100_000);
        sender.check(Asked::post(&format!("/config/{name}"), &deep), 418, "").await;
        sender.check(Asked::post(&format!("/config/{name}"), &b"\xff"[..]), 418, "").await;
    }
    sender.check(Asked::get("/config/assets_a.json"), OK, "old").await;
}

#[tokio::test]
async fn names_of_no_known_kind_are_418() {
    let sender = Sender::with(|config| config.writable_config = true);
    for name in ["kingdom.json", "dsiem_config.json", "assets.json", "xassets_a.json", "ASSETS_a.json"] {
        let path = format!("/config/{name}");
        sender
            .check(
                Asked::post(&path, support::ASSETS),
                418,
                "must begin with assets_, directives_, intel_ or vuln_",
            )
            .await;
        sender.check(Asked::new(Method::DELETE, &path, ""), 418, "must begin with").await;
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_503() {
    let sender = Sender::with(|config| config.writable_config = true);
    std::fs::write(sender.home().join("configs"), "a file where the folder should be").unwrap();
    let answer =
        sender.check(Asked::post("/config/assets_a.json", support::ASSETS), 503, "cannot be written").await;
    assert!(!answer.header("retry-after").is_empty());
    sender.check(Asked::get("/config"), 503, "cannot be read").await;
}

#[tokio::test]
async fn the_page_and_its_files() {
    let sender = Sender::new();
    for path in ["/ui", "/ui/", "/ui/x"] {
        let built_in = sender.ask(Asked::get(path)).await.body;
        assert!(
            built_in.contains("id=\"root\"") || built_in.contains("The page was not built"),
            "{built_in}"
        );
    }
    sender.put("web/dist", "index.html", "<html>the page</html>");
    sender.put("web/dist/assets", "index-DiwrgTda.js", "code()");
    sender.put("web/dist/assets/config", "esconfig.json", "{}");
    sender.put("", "secret.txt", "secret");
    for path in [
        "/ui",
        "/ui/",
        "/ui/alarms/1",
        "/ui/assets",
        "/ui/assets/none-DiwrgTda.js",
        "/ui/index.html",
        "/ui/..%2f..%2fsecret.txt",
        "/ui/../../secret.txt",
        "/ui/%00",
        "/ui/%ff",
        "/ui//etc/passwd",
        "/ui/%2fetc%2fpasswd",
    ] {
        let answer = sender.check(Asked::get(path), OK, "<html>the page</html>").await;
        assert_eq!(
            (answer.header("content-type"), answer.header("cache-control")),
            ("text/html", "no-cache"),
            "{path}"
        );
    }
    let long = format!("/ui/{}", "x".repeat(5_000));
    sender.check(Asked::get(&long), OK, "the page").await;
    let code = sender.check(Asked::get("/ui/assets/index-DiwrgTda.js"), OK, "code()").await;
    assert_eq!(code.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(code.header("content-type").contains("javascript"));
    let config = sender.check(Asked::get("/ui/assets/config/esconfig.json"), OK, "{}").await;
    assert_eq!(config.header("cache-control"), "no-cache");
    let head = sender.check(Asked::new(Method::HEAD, "/ui/", ""), OK, "").await;
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn the_root_leads_to_the_page() {
    let sender = Sender::new();
    let answer = sender.check(Asked::get("/"), 302, "").await;
    assert_eq!(answer.header("location"), "/ui/");
}

#[tokio::test]
async fn what_an_orchestrator_asks() {
    let sender = Sender::new();
    sender.check(Asked::get("/healthz"), OK, "ok").await;
    sender.check(Asked::get("/readyz"), OK, r#""ready":true"#).await;
    let metrics = sender.check(Asked::get("/metrics"), OK, "# EOF").await;
    assert!(
        metrics.body.contains("dsiem_frontend_http_responses_total{status=\"200\"} 2"),
        "{}",
        metrics.body
    );
}

#[tokio::test]
async fn nothing_that_was_sent_is_answered_with_500() {
    let sender = Sender::with(|config| config.writable_config = true);
    let mut seed = 7_u64;
    let mut next = move || {
        // Knuth's linear congruential generator: the same bytes in each run.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for _ in 0..3_000 {
        let mut body = format!("[{EVENT},{EVENT}]").into_bytes();
        for _ in 0..=next() % 6 {
            let at = next() % body.len();
            match next() % 3 {
                0 => body[at] = u8::try_from(next() % 256).unwrap(),
                1 => body.truncate(at + 1),
                _ => body.insert(at, b"{}[]\",:\\0"[next() % 9]),
            }
        }
        let path = ["/events", "/config/assets_a.json"][next() % 2];
        let answer = sender.ask(Asked::post(path, body.clone())).await;
        let status = answer.status;
        let expected = status == StatusCode::OK || status == StatusCode::CREATED || status.is_client_error();
        assert!(expected, "{status}: {}", String::from_utf8_lossy(&body));
    }
}
