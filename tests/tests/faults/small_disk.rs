//! A disk of a few mebibytes that the test fills and frees: in memory, in namespaces of its own, so that nobody has to be
//! root. Whoever is to see it is started within these.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dsiem_tests::installation::Setup;
use tempfile::TempDir;

/// Mounts it, says so, and keeps the namespaces until it is killed.
const MOUNT: &str = "mount -t tmpfs -o size=$1 tmpfs \"$2\" && echo mounted && exec sleep infinity";

/// What fills it.
const FILLER: &str = "filler";

/// The disk; gone when dropped.
pub(crate) struct SmallDisk {
    holder: Child,
    /// Where it is mounted, for those within.
    place: TempDir,
}

impl SmallDisk {
    /// A disk of so many mebibytes; `None`, and a word about it, where this system allows no such namespaces.
    pub(crate) fn mount(mebibytes: u32) -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", MOUNT, "sh", &format!("{mebibytes}m")]).arg(place.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut holder) = command.spawn() else {
            skipped("there is no unshare");
            return None;
        };
        let mut line = String::new();
        let said = BufReader::new(holder.stdout.take().expect("it is piped")).read_line(&mut line);
        if said.is_ok() && line.trim() == "mounted" {
            return Some(Self { holder, place });
        }
        let mut why = String::new();
        holder.stderr.take().expect("it is piped").read_to_string(&mut why).ok();
        holder.wait().ok();
        skipped(why.trim());
        None
    }

    /// A setup whose process sees it, as the folder `name` of its home.
    pub(crate) fn as_folder(&self, name: &str, setup: Setup) -> Setup {
        let holder = self.holder.id().to_string();
        let enter = ["nsenter", "-t", &holder, "-U", "-m", "--preserve-credentials"];
        setup.link(name, self.place.path()).wrapped_in(&enter)
    }

    /// The folder as it is seen from here.
    pub(crate) fn folder(&self) -> PathBuf {
        let within = self.place.path().strip_prefix("/").expect("an absolute path");
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(within)
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) {
        let mut filler =
            File::options().create(true).append(true).open(self.folder().join(FILLER)).expect("its own");
        for size in [1 << 20, 1 << 12, 1] {
            let bytes = vec![0; size];
            while filler.write_all(&bytes).is_ok() {}
        }
    }

    /// There is room again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.folder().join(FILLER)).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// Says, also where the words of tests that pass are not shown, that something is not tested here.
fn skipped(why: &str) {
    writeln!(std::io::stderr(), "SKIPPED: faults of a full disk, without user and mount namespaces: {why}")
        .ok();
}
