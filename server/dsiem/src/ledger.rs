//! `dsiem ledger`: the books of running programs, as a person wants to see them.
//!
//! It reads `/metrics` and does the sums itself, so that it shows what a program counts even where that does not look at
//! its own books. Numbers that move cannot be read at one moment: a balance that seems to be off is looked at again, and
//! as long as its numbers move it is held to what may be on its way between two of them.

use std::time::Duration;

use anyhow::Context as _;
use dsiem_backend::counters::EQUATIONS as CORRELATION;
use dsiem_backend::http::{self, Access};
use dsiem_frontend::counters::EQUATIONS as FRONTEND;
use dsiem_runtime::ledger::{Checked, Samples, Sheet};
use reqwest::{Client, Url};

use crate::args::LedgerArgs;
use crate::output::{Column, say, table};

/// How often a process is looked at while its books do not balance to the last event.
const LOOKS: u32 = 4;

/// How long between two looks: longer than a number is on its way to the next.
const BETWEEN: Duration = Duration::from_millis(400);

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What is read of an answer; ours are a tenth of that.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Prints the books of all processes. An error if some of them do not balance.
pub(crate) async fn run(args: LedgerArgs) -> anyhow::Result<()> {
    let client = Access { token: None, ca: args.frontend_ca }.client()?;
    let mut processes: Vec<_> = args.from.into_iter().map(Process::new).collect();
    for look in 1..=LOOKS {
        for process in &mut processes {
            process.look(&client).await?;
        }
        if processes.iter().flat_map(Process::verdicts).all(|verdict| verdict == Verdict::Balances) {
            break;
        }
        if look < LOOKS {
            tokio::time::sleep(BETWEEN).await;
        }
    }
    for process in &processes {
        say(&process.report())?;
    }
    let off: Vec<_> = processes.iter().flat_map(Process::off).collect();
    anyhow::ensure!(
        off.is_empty(),
        "the books do not balance; that is a fault of the program, please report it with its log: {}",
        off.join("; ")
    );
    Ok(())
}

/// One running program.
struct Process {
    url: Url,
    books: Vec<Book>,
}

/// One balance of it.
struct Book {
    sheet: Sheet,
    checked: Checked,
    verdict: Verdict,
}

/// Whether a balance holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// To the last event.
    Balances,
    /// As far as can be told while its numbers move.
    Moving,
    /// So many are missing.
    Off(i64),
}

impl Verdict {
    fn text(self) -> String {
        match self {
            Self::Balances => "balances".to_owned(),
            Self::Moving => "balances, as far as can be told while events move".to_owned(),
            Self::Off(missing) if missing < 0 => {
                format!("OFF: {} too many are known of", missing.unsigned_abs())
            }
            Self::Off(missing) => format!("OFF: {missing} are missing"),
        }
    }
}

impl Book {
    fn new(sheet: Sheet) -> Self {
        Self { sheet, checked: Checked::default(), verdict: Verdict::Balances }.judged()
    }

    /// The same balance a moment later.
    fn next(self, sheet: Sheet) -> Self {
        Self { sheet, ..self }.judged()
    }

    fn judged(mut self) -> Self {
        let look = self.sheet.look();
        let holds = self.checked.holds(look);
        self.verdict = match look.missing() {
            0 => Verdict::Balances,
            _ if holds => Verdict::Moving,
            missing => Verdict::Off(missing),
        };
        self
    }

    /// One line for the balance, and one for everything that became of what came in.
    fn rows(&self) -> impl Iterator<Item = [String; 3]> {
        let Sheet { name, incoming, outgoing, in_flight } = &self.sheet;
        let row = |name: &str, count: String| [format!("    {name}"), count, String::new()];
        let head = [format!("  {name}"), incoming.to_string(), self.verdict.text()];
        let became = outgoing.iter().filter(|(_, count)| *count > 0);
        let became = became.map(move |(name, count)| row(name, count.to_string()));
        std::iter::once(head).chain(became).chain([row("on their way", in_flight.to_string())])
    }
}

impl Process {
    fn new(url: Url) -> Self {
        Self { url, books: Vec::new() }
    }

    async fn look(&mut self, client: &Client) -> anyhow::Result<()> {
        let url = metrics_url(&self.url);
        let answer = http::get(client, url.clone(), ANSWER_LIMIT, MAX_ANSWER_BYTES).await.with_context(|| {
            format!(
                "no metrics from {url}; is a program of dsiem running there? Say where with --from; a backend serves \
                 them only with --metrics-address (DSIEM_METRICS_ADDRESS)"
            )
        })?;
        anyhow::ensure!(
            answer.status.is_success(),
            "{url} answered {}; is it a program of dsiem?",
            answer.status
        );
        let sheets = sheets(&String::from_utf8_lossy(&answer.body));
        anyhow::ensure!(!sheets.is_empty(), "there are no books at {url}; is it a program of dsiem?");
        self.take(sheets);
        Ok(())
    }

    /// The books as they are a moment later.
    fn take(&mut self, sheets: Vec<Sheet>) {
        let mut before = std::mem::take(&mut self.books).into_iter();
        let book = |sheet| match before.next() {
            Some(book) => book.next(sheet),
            None => Book::new(sheet),
        };
        self.books = sheets.into_iter().map(book).collect();
    }

    fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.books.iter().map(|book| book.verdict)
    }

    fn report(&self) -> String {
        let rows: Vec<_> = self.books.iter().flat_map(Book::rows).collect();
        format!("{}\n{}", shown(&self.url), table([Column::Words, Column::Number, Column::Words], &rows))
    }

    /// The balances that are off, with where they are.
    fn off(&self) -> impl Iterator<Item = String> {
        let off = self.books.iter().filter(|book| matches!(book.verdict, Verdict::Off(_)));
        off.map(|book| format!("{} of {}", book.sheet.name, shown(&self.url)))
    }
}

/// The books that a process keeps.
fn sheets(text: &str) -> Vec<Sheet> {
    let samples = Samples::parse(text);
    FRONTEND.iter().chain(&CORRELATION).filter_map(|equation| equation.read(&samples)).collect()
}

/// `/metrics` below the address of a program, or the address itself where that ends so.
fn metrics_url(server: &Url) -> Url {
    let mut url = server.clone();
    let path = server.path().trim_end_matches('/');
    if !path.ends_with("/metrics") {
        url.set_path(&format!("{path}/metrics"));
    }
    url
}

/// Without the password that may be in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail for addresses without a host, which have no password either.
    url.set_password(None).ok();
    url.set_username("").ok();
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://me:s3cret@127.0.0.1:8080";

    fn look(process: &mut Process, text: &str) -> Vec<Verdict> {
        process.take(sheets(text));
        process.verdicts().collect()
    }

    fn events(received: u64, accepted: u64) -> String {
        format!(
            "dsiem_frontend_events_received_total {received}\ndsiem_frontend_events_accepted_total {accepted}\n\
             dsiem_frontend_events_refused_total{{reason=\"queue_full\"}} 2\n\
             dsiem_frontend_events_refused_total{{reason=\"invalid\"}} 0\ndsiem_frontend_events_in_flight 1\n"
        )
    }

    #[test]
    fn a_balance_is_off_only_once_its_numbers_stand_still() {
        let mut process = Process::new(URL.parse().unwrap());
        assert_eq!(look(&mut process, &events(10, 7)), [Verdict::Balances]);
        assert_eq!(look(&mut process, &events(12, 8)), [Verdict::Moving]);
        assert_eq!(look(&mut process, &events(12, 8)), [Verdict::Off(1)]);
        assert_eq!(process.off().collect::<Vec<_>>(), ["events over HTTP of http://127.0.0.1:8080"]);
        assert_eq!(look(&mut process, &events(12, 10)), [Verdict::Moving]);
        assert_eq!(look(&mut process, &events(12, 10)), [Verdict::Off(-1)]);
        assert_eq!(
            look(&mut process, &events(1_000_000, 10)),
            [Verdict::Off(999_987)],
            "too much to be on its way"
        );
    }

    #[test]
    fn the_report_has_each_number_that_is_not_zero_and_no_password() {
        let mut process = Process::new(URL.parse().unwrap());
        look(&mut process, &events(10, 7));
        let expected = "\
http://127.0.0.1:8080
  events over HTTP  10  balances
    accepted         7
    queue full       2
    on their way     1
";
        assert_eq!(process.report(), expected);
    }

    #[test]
    fn metrics_are_below_the_address_unless_it_names_them() {
        for (given, asked) in [
            ("http://h:1", "http://h:1/metrics"),
            ("http://h:1/", "http://h:1/metrics"),
            ("http://h/dsiem/", "http://h/dsiem/metrics"),
            ("http://h/dsiem/metrics", "http://h/dsiem/metrics"),
        ] {
            assert_eq!(metrics_url(&given.parse().unwrap()).as_str(), asked);
        }
    }
}
