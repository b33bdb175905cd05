//! Bodies of `POST /events`, compressed and not, on their way through a whole frontend.

use std::cell::RefCell;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use dsiem_core::configuration::Readers;
use dsiem_core::time::ReceiptTime;
use dsiem_frontend::counters::EQUATIONS;
use dsiem_frontend::{Choices, Config, Doors, Frontend, Parts};
use dsiem_runtime::bus::{EventSubscription, memory};
use dsiem_runtime::files::Home;
use dsiem_runtime::ledger::Samples;
use dsiem_runtime::{Clock, Metrics, Readiness, Shutdown};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::choice;

/// Small, so that what is too large is found too.
const MAX_BODY: usize = 16 << 10;

/// Events on the bus at the same time: more than a body can hold.
const ROOM: usize = 10_000;

/// How a body may come.
const CODINGS: [&str; 4] = ["identity", "gzip", "zstd", "x-gzip"];

/// A frontend without a connection.
struct Served {
    runtime: Runtime,
    router: Router,
    subscription: EventSubscription,
    metrics: Metrics,
    _frontend: Frontend,
}

impl Served {
    fn new() -> Self {
        let clock = Clock::simulated(ReceiptTime::from_secs(1_709_283_700));
        let bus = memory::bus(ROOM, clock.clone());
        let metrics = Metrics::new();
        let config = Config {
            // Nothing is read or written there by requests of events.
            home: Home::at(Path::new("/nonexistent")),
            max_body: MAX_BODY,
            throttle: None,
            max_queue: ROOM,
            writable_config: false,
            readers: Readers::OneProcess,
            choices: Choices { status: vec!["Open".into()], tags: vec!["Valid Threat".into()] },
            doors: Doors::default(),
            auth: dsiem_frontend::auth::AuthConfig::default(),
        };
        let parts = Parts {
            publisher: bus.publisher,
            overload: bus.overload_receiver,
            alarms: None,
            nodes: dsiem_frontend::Nodes::default(),
            clock,
            metrics: metrics.clone(),
            readiness: Readiness::new(),
            shutdown: Shutdown::new(),
        };
        let frontend = Frontend::new(config, parts);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            runtime: runtime.expect("a runtime"),
            router: frontend.router(),
            subscription: bus.subscription,
            metrics,
            _frontend: frontend,
        }
    }

    fn post(&mut self, coding: &str, content_type: &str, body: &[u8]) -> (StatusCode, usize) {
        let request = Request::post("/events")
            .header("content-encoding", coding)
            .header("content-type", content_type)
            .body(Body::from(body.to_vec()))
            .expect("a request");
        let Self { runtime, router, subscription, .. } = self;
        runtime.block_on(async {
            let Ok(response) = router.clone().oneshot(request).await;
            let mut published = 0;
            while subscription.queue_length() > 0 {
                let batch = subscription.next_batch(ROOM).await.expect("the bus is open");
                published += batch.messages.len();
            }
            (response.status(), published)
        })
    }

    fn accepted(&self) -> u64 {
        self.metrics.counter("dsiem_frontend_events_accepted", "").get()
    }
}

thread_local! {
    static SERVED: RefCell<Served> = RefCell::new(Served::new());
}

/// A body, of which the first byte says how it comes: it is answered as the documentation says, what was accepted is on
/// the bus, and the books balance.
///
/// # Panics
/// If that does not hold.
pub fn http_body(data: &[u8]) {
    let Some((choice, body)) = choice(data) else { return };
    let coding = CODINGS[usize::from(choice >> 1) % CODINGS.len()];
    let content_type = if choice % 2 == 1 { "application/x-ndjson" } else { "application/json" };
    SERVED.with_borrow_mut(|served| {
        let before = served.accepted();
        let (status, published) = served.post(coding, content_type, body);
        let accepted = served.accepted() - before;
        assert_eq!(accepted, published as u64, "what was accepted is not what is on the bus");
        assert!([200, 400, 413, 418].contains(&status.as_u16()), "{status}");
        assert_eq!(status == StatusCode::OK, published > 0, "{status} for {published} events");
        let samples = Samples::parse(&served.metrics.text());
        for equation in EQUATIONS {
            let look = equation.read(&samples).expect("a frontend has books").look();
            assert_eq!((look.missing(), look.in_flight), (0, 0), "{}: {look:?}", equation.name);
        }
    });
}
