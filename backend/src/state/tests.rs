//! What is saved comes back, once, whatever lies in the folder.

use dsiem_core::backlog::Context;
use dsiem_core::event::EventKey;
use dsiem_core::snapshot::OpenBacklog;
use dsiem_runtime::metrics::Metrics;
use tempfile::TempDir;

use super::*;
use crate::fixtures::{NOW, directive, event, settings};

struct Folder {
    logs: TempDir,
    directives: HashMap<u64, Arc<Directive>>,
}

impl Folder {
    /// An empty one, where directive 1 is loaded.
    fn new() -> Self {
        Self { logs: TempDir::new().unwrap(), directives: HashMap::from([(1, directive(1, "d"))]) }
    }

    fn store(&self, node: &str) -> Store {
        Store::open(self.logs.path(), node, Counters::new(&Metrics::new())).unwrap()
    }

    fn load(&self, store: &Store) -> BTreeMap<u64, DirectiveState> {
        store.load(&self.directives, &settings(), None).unwrap().states
    }

    fn path(&self, name: &str) -> PathBuf {
        self.logs.path().join("backlogs").join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.logs.path().join("backlogs")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A file that node n wrote, of the backlog that event `a` opened, further by `more` events.
    fn write(&self, name: &str, more: &[(&str, u64)], remembered: &[i64]) {
        let bytes = snapshot::write("n", 1, &self.state(more, remembered), NOW);
        fs::create_dir_all(self.logs.path().join("backlogs")).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn state(&self, more: &[(&str, u64)], remembered: &[i64]) -> DirectiveState {
        let (settings, assets) = (settings(), dsiem_core::assets::Assets::new(Vec::new()));
        let context = Context { settings: &settings, assets: &assets };
        let (mut backlog, _) =
            Backlog::open(self.directives[&1].clone(), &event("a", 1, "10.0.0.9"), context);
        for (id, sid) in more {
            assert!(backlog.on_event(&event(id, *sid, "10.0.0.9"), context).consumed());
        }
        let key = |secs: &i64| (ReceiptTime::from_secs(*secs), EventKey::of(&secs.to_string()));
        DirectiveState {
            backlogs: vec![OpenBacklog { backlog, look_ups_pending: false }],
            remembered: remembered.iter().map(key).collect(),
        }
    }
}

#[tokio::test]
async fn what_is_saved_comes_back_and_is_gone_once_nothing_is_left() {
    let folder = Folder::new();
    let store = folder.store("n");
    store.save(1, folder.state(&[("b", 2)], &[5]), NOW).await;
    assert_eq!(folder.names(), ["1.json"]);
    let store = folder.store("n");
    let state = &folder.load(&store)[&1];
    assert_eq!((state.backlogs[0].backlog.current(), state.remembered.len()), (2, 1));
    assert!(
        Arc::ptr_eq(state.backlogs[0].backlog.directive(), &folder.directives[&1]),
        "one definition for all"
    );
    assert_eq!(folder.names(), ["1.json"], "until it is safe elsewhere");
    store.save(1, DirectiveState::default(), NOW).await;
    assert_eq!(folder.names(), [] as [&str; 0]);
}

#[test]
fn a_backlog_in_two_files_is_one_and_the_later_state_of_it_counts() {
    for names in [["1.json", "1.n.json"], ["1.n.json", "1.json"]] {
        let folder = Folder::new();
        folder.write(names[0], &[], &[]);
        folder.write(names[1], &[("b", 2)], &[]);
        let states = folder.load(&folder.store("n"));
        assert_eq!(states[&1].backlogs.len(), 1, "{names:?}");
        assert_eq!(states[&1].backlogs[0].backlog.current(), 2, "{names:?}");
    }
}

#[test]
fn event_ids_of_several_files_are_remembered_in_their_order() {
    let folder = Folder::new();
    folder.write("1.json", &[], &[10, 30]);
    folder.write("1.n.json", &[], &[20, 40]);
    let states = folder.load(&folder.store("n"));
    let times: Vec<_> = states[&1].remembered.iter().map(|(at, _)| at.secs()).collect();
    assert_eq!(times, [10, 20, 30, 40]);
}

#[tokio::test]
async fn both_files_go_once_the_merged_state_is_saved() {
    let folder = Folder::new();
    folder.write("1.json", &[], &[]);
    folder.write("1.n.json", &[], &[]);
    let store = folder.store("n");
    let state = folder.load(&store).remove(&1).unwrap();
    store.save(1, state, NOW).await;
    assert_eq!(folder.names(), ["1.json"]);
}

#[test]
fn the_file_of_a_directive_that_is_gone_goes_with_its_backlogs() {
    let mut folder = Folder::new();
    folder.write("1.json", &[], &[10]);
    folder.directives.clear();
    let store = folder.store("n");
    assert!(folder.load(&store).is_empty());
    assert_eq!(store.counters.backlogs_discarded.get(), 1);
    assert_eq!(folder.names(), [] as [&str; 0], "or it would be read, and counted, at every start");
}

#[test]
fn of_a_renamed_directive_the_event_ids_are_kept() {
    let mut folder = Folder::new();
    folder.write("1.json", &[], &[10]);
    folder.directives.insert(1, directive(1, "another name"));
    let store = folder.store("n");
    let state = &folder.load(&store)[&1];
    assert_eq!((state.backlogs.len(), state.remembered.len()), (0, 1));
    assert_eq!(store.counters.backlogs_discarded.get(), 1);
}

#[test]
fn a_copy_is_kept_of_a_file_with_something_unreadable_in_it_and_overwrites_nothing() {
    let folder = Folder::new();
    folder.write("1.json", &[], &[]);
    let torn = fs::read_to_string(folder.path("1.json")).unwrap().replace("\"risk\"", "\"rusk\"");
    fs::write(folder.path("1.json"), &torn).unwrap();
    fs::write(folder.path("1.json.rejected"), "an earlier one").unwrap();
    for _ in 0..3 {
        let store = folder.store("n");
        folder.load(&store);
        assert_eq!(store.counters.backlogs_discarded.get(), 1);
        // Nothing else was in it, so it goes; as after a crash, it is there again the next time.
        fs::write(folder.path("1.json"), &torn).unwrap();
    }
    assert_eq!(folder.names(), ["1.json", "1.json.rejected", "1.json.rejected.1"]);
    assert_eq!(fs::read_to_string(folder.path("1.json.rejected")).unwrap(), "an earlier one");
    assert_eq!(fs::read_to_string(folder.path("1.json.rejected.1")).unwrap(), torn);
}

#[tokio::test]
async fn nodes_with_similar_names_in_one_folder_keep_their_own() {
    let folder = Folder::new();
    for node in ["other", "be.1", "be_1", "bé1"] {
        folder.store(node).save(1, folder.state(&[], &[]), NOW).await;
    }
    assert_eq!(folder.names(), ["1.b_e9_1.json", "1.be_2e_1.json", "1.be_5f_1.json", "1.json"]);
    for node in ["other", "be.1", "be_1", "bé1"] {
        assert_eq!(folder.load(&folder.store(node))[&1].backlogs.len(), 1, "{node}");
    }
}

#[tokio::test]
async fn a_failure_to_save_leaves_the_file_that_was_there() {
    let folder = Folder::new();
    folder.write("1.json", &[], &[]);
    let store = folder.store("n");
    let mut state = folder.load(&store).remove(&1).unwrap();
    state.backlogs.push(folder.state(&[], &[]).backlogs.remove(0));
    let before = fs::read(folder.path("1.json")).unwrap();
    // A folder in the way of the new file makes writing fail, for root too.
    fs::rename(folder.path("1.json"), folder.path("kept")).unwrap();
    fs::create_dir(folder.path("1.json")).unwrap();
    store.save(1, state, NOW).await;
    assert_eq!(fs::read(folder.path("kept")).unwrap(), before);
    assert_eq!(folder.names(), ["1.json", "kept"]);
}
