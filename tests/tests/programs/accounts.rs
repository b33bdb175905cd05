//! From the first start to being locked out, with the real program: the link in the log makes the first user, who can
//! sign in again after a restart, and for whom `dsiem users` makes a new password.

use dsiem_tests::http::{Answer, Http};
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::process::{Binary, Program};
use dsiem_tests::samples::{brute_force, directive_file};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};

const PASSWORD: &str = "a password of the test";

fn setup() -> Setup {
    Setup::new(&directive_file(&[brute_force(1, 2)]))
}

async fn post(http: &Http, path: &str, body: &Value) -> Answer {
    let request =
        http.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body.to_string());
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.bytes().await.expect("a body").to_vec() }
}

async fn sign_in(http: &Http, password: &str) -> Answer {
    post(http, "/api/v1/session", &json!({"name": "root", "password": password})).await
}

#[tokio::test]
async fn from_the_first_start_to_being_locked_out() {
    let mut node = Node::standalone(setup()).await;
    assert_eq!(node.http.get("/api/v1/alarms").await.status, 401);
    assert_eq!(node.http.get("/api/v1/login-options").await.json()["set_up_needed"], true);
    let mark = "/ui/#/set-up?token=";
    let line = node.program.wait_for_log(mark).await;
    let token = line.split_once(mark).expect("it is there").1.split(['"', '\\', '\u{1b}', '\n', ' ']).next();
    let set_up = json!({"token": token, "name": "root", "password": PASSWORD});
    let answer = post(&node.http, "/api/v1/set-up", &set_up).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let alarms = node.http.request(Method::GET, "/api/v1/alarms").header(COOKIE, &cookie).send().await;
    assert_eq!(alarms.expect("an answer").status().as_u16(), 200);
    assert_eq!(post(&node.http, "/api/v1/set-up", &set_up).await.status, 403, "it works once");
    node.stop().await;

    node.start_again().await;
    node.wait_ready().await;
    assert_eq!(node.program.log_count(mark), 0);
    assert_eq!(sign_in(&node.http, PASSWORD).await.status, 200);
    let session = node.http.request(Method::GET, "/api/v1/session").header(COOKIE, &cookie).send().await;
    assert_eq!(session.expect("an answer").status().as_u16(), 200, "sessions outlive the process");
    assert_eq!(reset(&node, "root").0, 1, "the program has the file");
    assert!(!node.program.log().contains(PASSWORD));
    node.stop().await;

    let (code, said) = reset(&node, "root");
    assert_eq!(code, 0, "{said}");
    let password = said.lines().next().expect("a password").to_owned();
    assert_eq!(reset(&node, "nobody").0, 1);
    node.start_again().await;
    node.wait_ready().await;
    assert_eq!(sign_in(&node.http, PASSWORD).await.status, 401);
    assert_eq!(sign_in(&node.http, &password).await.status, 200);
    node.stop().await;
}

/// Runs the tool; its exit code and what it said on standard output.
fn reset(node: &Node, name: &str) -> (i32, String) {
    let tool = std::process::Command::new(Binary::Dsiem.path())
        .args(["users", "reset-password", name, "--home"])
        .arg(node.home())
        .output()
        .expect("it runs");
    (tool.status.code().unwrap_or(-1), String::from_utf8_lossy(&tool.stdout).into_owned())
}

#[tokio::test]
async fn nobody_is_let_in_unasked_from_other_machines_by_mistake() {
    for (words, part) in [
        ("serve -a 0.0.0.0 --auth off", "--auth-off-anyway"),
        ("serve -a 127.0.0.1 --auth header", "--trusted-proxies"),
        ("serve -a 127.0.0.1 --oidc-issuer https://id.example", "--oidc-client-id"),
        ("serve -a 127.0.0.1 --oidc-issuer https://id.example --oidc-client-id x", "--public-url"),
        (
            "serve -a 127.0.0.1 --oidc-issuer http://id.example --oidc-client-id x --public-url http://x",
            "https://",
        ),
    ] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let home = ("DSIEM_HOME".to_owned(), home.path().display().to_string());
        let mut program = Program::start(Binary::Dsiem, words, words.split(' '), [home]);
        assert_eq!(program.wait_exit().await, 1, "{words}");
        assert!(program.log().contains(part), "{words}: {}", program.log());
    }
}
