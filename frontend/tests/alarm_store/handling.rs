//! What users do, one and many at once, and who was first.

use dsiem_frontend::alarm_store::{Change, Filter, Handled, Target};

use crate::support::{ALICE, NEWEST, Place, ids, on_both_stores, put, update, whichever};

on_both_stores!(nobody_changes_what_he_has_not_seen, many_are_changed_at_once, comments_are_searched);

fn target(alarm_id: &str, version: u64) -> Target {
    Target { alarm_id: alarm_id.into(), version: Some(version) }
}

fn to(status: &str) -> Change {
    Change { status: Some(status.into()), ..Change::default() }
}

fn nobody_changes_what_he_has_not_seen(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    let change =
        |version, status: &str| store.change(&[target("a", version)], &to(status), &ALICE).unwrap()[0];
    assert_eq!(change(1, "In-Progress"), Handled::Done(2));
    assert_eq!(change(1, "Closed"), Handled::Conflict(2));
    assert_eq!(change(2, "In-Progress"), Handled::Done(2), "nothing was to be changed");
    put(&store, [update("a", 2, 9)]);
    assert_eq!(change(2, "Closed"), Handled::Done(3), "the engine's updates are not in the way");
    assert_eq!(store.delete(&[target("a", 1)], 0).unwrap(), [Handled::Conflict(3)]);
    assert_eq!(store.history("a").unwrap().len(), 2);
}

fn many_are_changed_at_once(place: &Place) {
    let store = place.open();
    put(&store, ["a", "b", "c"].map(|id| update(id, 1, 1)));
    let targets = [target("a", 1), target("b", 9), target("x", 1), target("c", 1)];
    let handled = store.change(&targets, &to("Closed"), &ALICE).unwrap();
    assert_eq!(handled, [Handled::Done(2), Handled::Conflict(1), Handled::Missing, Handled::Done(2)]);
    let closed = Filter { status: vec!["Closed".into()], ..Filter::default() };
    assert_eq!(ids(&store, &closed, NEWEST), ["c", "a"]);
}

fn comments_are_searched(place: &Place) {
    let store = place.open();
    put(&store, ["a", "b"].map(|id| update(id, 1, 1)));
    store.comment(&whichever("b"), "Asked Müller about CVE-2024-3094.", &ALICE).unwrap();
    let find = |text: &str| ids(&store, &Filter { text: Some(text.into()), ..Filter::default() }, NEWEST);
    assert_eq!(find("müller cve-2024"), ["b"]);
    assert_eq!(find("cve-2024-30"), Vec::<String>::new(), "the last word is too short to go on");
    assert_eq!(find("cve-2024-309"), ["b"]);
    put(
        &store,
        [{
            let mut update = update("b", 2, 1);
            update.document.title = "renamed".into();
            update
        }],
    );
    assert_eq!(find("renamed MÜLLER"), ["b"], "an update leaves comments to be found");
    assert_eq!(find("scan"), ["a"]);
}
