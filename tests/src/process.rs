//! One of the real programs as a process of its own, and what it says.
//!
//! It gets the environment that the test gives it and nothing else. What it writes is kept line by line, so that a test
//! can wait for a line, and is shown when the test fails. It never outlives the test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::wait::{DEADLINE, wait_for};

/// The programs that the workspace builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `dsiem`: all in one process.
    Dsiem,
    /// `dsiem-frontend`.
    Frontend,
    /// `dsiem-backend`.
    Backend,
}

impl Binary {
    /// The name of its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dsiem => "dsiem",
            Self::Frontend => "dsiem-frontend",
            Self::Backend => "dsiem-backend",
        }
    }

    /// Where it is: in the folder of the profile that this test was built with.
    ///
    /// # Panics
    /// When it has not been built.
    #[must_use]
    pub fn path(self) -> PathBuf {
        let test = std::env::current_exe().expect("the system knows which program this is");
        let profile = test.ancestors().nth(2).expect("tests are in target/<profile>/deps");
        let path = profile.join(self.name());
        assert!(path.is_file(), "{} is missing: run cargo build --bins first", path.display());
        path
    }
}

/// A running program. Killed when dropped; what it said is shown if the test is failing.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    lines: Lines,
    /// Those who collect them, until it has ended.
    readers: Vec<JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

/// What a program has said so far, from both of its outputs.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Collects `output` until it ends.
    fn collect(&self, output: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                lines.lock().push(String::from_utf8_lossy(&line).into_owned());
            }
        })
    }
}

impl Program {
    /// Starts `binary` with these words and this environment. `name` says in failures which one it is.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<W: AsRef<OsStr>>(
        binary: Binary,
        name: &str,
        words: impl IntoIterator<Item = W>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self::start_in(&[], binary, name, words, environment)
    }

    /// The same, behind the words of another program that becomes it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_in<W: AsRef<OsStr>>(
        wrapper: &[String],
        binary: Binary,
        name: &str,
        words: impl IntoIterator<Item = W>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let binary = binary.path();
        let mut command = match wrapper {
            [] => Command::new(binary),
            [first, others @ ..] => {
                let mut command = Command::new(first);
                command.args(others).arg(binary);
                command
            }
        };
        command.args(words).env_clear().envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        let lines = Lines::default();
        let readers = vec![
            lines.collect(child.stdout.take().expect("it is piped")),
            lines.collect(child.stderr.take().expect("it is piped")),
        ];
        Self { name: name.to_owned(), child, lines, readers, ended: None }
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.lines.lock().join("\n")
    }

    /// Everything it has said so far, by line.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    /// Waits for a line with `part` in it and returns it.
    ///
    /// # Panics
    /// When it does not come within [`DEADLINE`].
    pub async fn wait_for_log(&self, part: &str) -> String {
        self.wait_for_log_within(part, DEADLINE).await
    }

    /// Waits for a line with `part` in it and returns it.
    ///
    /// # Panics
    /// When it does not come within `deadline`.
    pub async fn wait_for_log_within(&self, part: &str, deadline: Duration) -> String {
        let what = format!("{} to say {part:?}", self.name);
        wait_for(&what, deadline, || {
            let found = self.lines.lock().iter().find(|line| line.contains(part)).cloned();
            async { found }
        })
        .await
    }

    /// How many lines have `part` in them.
    #[must_use]
    pub fn log_count(&self, part: &str) -> usize {
        self.lines.lock().iter().filter(|line| line.contains(part)).count()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.poll_exit().is_none()
    }

    /// Asks it to stop, as service managers do.
    pub fn sigterm(&self) {
        self.signal("TERM");
    }

    /// Asks it to stop, as a terminal does.
    pub fn sigint(&self) {
        self.signal("INT");
    }

    /// Sends a signal by name, such as `STOP`.
    ///
    /// # Panics
    /// When it does not run any more.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill can be run");
        assert!(sent.success(), "{} (process {pid}) does not take SIG{signal}", self.name);
    }

    /// Ends it as a power cut would, and waits until it is gone.
    ///
    /// # Panics
    /// When the system does not say that it is gone.
    pub fn sigkill(&mut self) {
        self.child.kill().expect("a process of ours can be killed");
        self.ended = Some(self.child.wait().expect("a process of ours can be waited for"));
    }

    /// Waits until it has ended by itself and returns its exit code. Everything it has said can be read then.
    ///
    /// # Panics
    /// When it has not within [`DEADLINE`], or was ended by a signal.
    pub async fn wait_exit(&mut self) -> i32 {
        let what = format!("{} to end", self.name);
        let begun = tokio::time::Instant::now();
        while self.poll_exit().is_none() {
            assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for reader in self.readers.drain(..) {
            reader.join().ok();
        }
        let status = self.ended.expect("the loop ended with it");
        status.code().unwrap_or_else(|| panic!("{} ended by a signal: {status}", self.name))
    }

    fn poll_exit(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a process of ours can be asked for");
        }
        self.ended
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let said = format!("---- {} said:\n{}\n---- end of {}\n", self.name, self.log(), self.name);
            std::io::stderr().write_all(said.as_bytes()).ok();
        }
    }
}
