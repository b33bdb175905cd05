//! Names that lead nowhere else, files that are checked before they are written, and what each failure is called.

use super::*;

const ASSETS: &[u8] = br#"{ "assets": [ { "name": "lan", "cidr": "10.0.0.0/8", "value": 3 } ] }"#;

fn name(text: &str) -> FileName {
    FileName::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn names_have_no_way_out_of_the_folder() {
    for text in ["assets_x.json", "a.json", "9-_a.json", "X.json"] {
        assert_eq!(FileName::parse(text).map(|name| name.0).as_deref(), Some(text));
    }
    let long = format!("{}.json", "a".repeat(MAX_NAME));
    for text in [
        "",
        ".json",
        "json",
        "_a.json",
        "-a.json",
        "a.JSON",
        "a.json ",
        "a.json/",
        "../a.json",
        "a/b.json",
        "..json",
        "a\\b.json",
        "a.b.json",
        "a.json\0",
        "a\0.json",
        "é.json",
        "а.json",
        "aXjson",
        "a.jsonx",
        " a.json",
        "a\n.json",
        &long,
    ] {
        assert_eq!(FileName::parse(text), None, "{text:?}");
    }
}

#[tokio::test]
async fn what_is_written_is_read_back_byte_for_byte_under_one_tag() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    store.write(&name("assets_x.json"), ASSETS.to_vec(), Expected::Anything).await.unwrap();
    let file = store.read(&name("assets_x.json")).await.unwrap();
    assert_eq!(file.content, ASSETS);
    assert_eq!(file.etag, store.read(&name("assets_x.json")).await.unwrap().etag);
    store.write(&name("assets_x.json"), [ASSETS, b"\n"].concat(), Expected::Anything).await.unwrap();
    assert_ne!(file.etag, store.read(&name("assets_x.json")).await.unwrap().etag);
}

#[tokio::test]
async fn a_file_that_does_not_pass_the_check_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    store.write(&name("assets_x.json"), ASSETS.to_vec(), Expected::Anything).await.unwrap();
    let bad = br#"{ "assets": [ { "name": "a", "cidr": "10.0.0.0/99", "value": 0 }, { "name": "b" } ] }"#;
    let refused = store.write(&name("assets_x.json"), bad.to_vec(), Expected::Anything).await.unwrap_err();
    let StoreError::Invalid { problems, .. } = refused else { panic!("{refused}") };
    assert!(problems.len() >= 3, "every problem, not the first: {problems:?}");
    assert_eq!(store.read(&name("assets_x.json")).await.unwrap().content, ASSETS);
}

#[tokio::test]
async fn an_id_that_another_file_of_the_same_readers_has_is_refused() {
    let directives = |id: u8| {
        let rule = |stage: u8| {
            format!(
                r#"{{"stage":{stage},"type":"PluginRule","plugin_id":1,"plugin_sid":[1],"occurrence":1,"from":"ANY","to":"ANY","reliability":1}}"#
            )
        };
        format!(
            r#"{{"directives":[{{"id":{id},"name":"n","priority":1,"kingdom":"k","category":"c","rules":[{},{}]}}]}}"#,
            rule(1),
            rule(2)
        )
        .into_bytes()
    };
    for (readers, is_refused) in [(Readers::OneProcess, true), (Readers::Nodes, false)] {
        let folder = tempfile::tempdir().unwrap();
        let store = ConfigStore::new(folder.path().to_owned(), readers);
        store.write(&name("directives_be-1.json"), directives(1), Expected::Anything).await.unwrap();
        store.write(&name("directives_be-1.json"), directives(1), Expected::Anything).await.unwrap(); // itself again
        let other_node = store.write(&name("directives_be-2.json"), directives(1), Expected::Anything).await;
        assert_eq!(other_node.is_err(), is_refused, "{readers:?}");
        let same_node =
            store.write(&name("directives_be-1_more.json"), directives(1), Expected::Anything).await;
        assert!(matches!(same_node, Err(StoreError::Invalid { .. })), "{readers:?}");
    }
}

#[tokio::test]
async fn the_list_has_what_can_be_read_sorted() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["vuln_b.json", "assets_a.json", "readme.md", ".hidden.json", "kingdom.json", "a b.json"] {
        fs::write(folder.path().join(file), "{}").unwrap();
    }
    fs::create_dir(folder.path().join("folder.json")).unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    assert_eq!(store.list().await.unwrap(), ["assets_a.json", "kingdom.json", "vuln_b.json"]);
    assert!(matches!(store.read(&name("folder.json")).await, Err(StoreError::Missing(_))));
    let nowhere = ConfigStore::new(folder.path().join("nowhere"), Readers::OneProcess);
    assert_eq!(nowhere.list().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn only_files_of_known_kinds_are_written_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    fs::write(folder.path().join(CHOICES_FILE), "{}").unwrap();
    let file = name(CHOICES_FILE);
    assert!(matches!(
        store.write(&file, ASSETS.to_vec(), Expected::Anything).await,
        Err(StoreError::UnknownKind(_))
    ));
    assert!(matches!(store.delete(&file).await, Err(StoreError::UnknownKind(_))));
    assert_eq!(store.list().await.unwrap(), [CHOICES_FILE]);
}

#[tokio::test]
async fn deleting_says_whether_there_was_something() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    store.write(&name("assets_x.json"), ASSETS.to_vec(), Expected::Anything).await.unwrap();
    store.delete(&name("assets_x.json")).await.unwrap();
    assert!(matches!(store.delete(&name("assets_x.json")).await, Err(StoreError::Missing(_))));
}

#[test]
fn a_full_disk_is_told_from_one_that_cannot_be_written() {
    let of = |kind: io::ErrorKind, action| StoreError::io(&name("assets_x.json"), action, kind.into());
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
        assert!(matches!(of(kind, WRITTEN), StoreError::NoRoom(_)), "{kind}");
    }
    for kind in [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied, io::ErrorKind::NotFound]
    {
        assert!(matches!(of(kind, WRITTEN), StoreError::Io { .. }), "{kind}");
    }
    assert!(matches!(of(io::ErrorKind::NotFound, READ), StoreError::Missing(_)));
}

#[tokio::test]
async fn the_choices_are_written_for_the_user_interface() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().join("configs"), Readers::OneProcess);
    let choices = Choices { status: vec!["Open".into(), "Closed".into()], tags: vec!["A".into()] };
    store.write_choices(&choices).await.unwrap();
    let written = store.read(&name(CHOICES_FILE)).await.unwrap().content;
    let expected = serde_json::json!({ "status": ["Open", "Closed"], "tags": ["A"] });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).unwrap(), expected);
}

#[tokio::test]
async fn what_somebody_else_has_changed_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    let file = name("assets_x.json");
    store.write(&file, ASSETS.to_vec(), Expected::Nothing).await.unwrap();
    let again = store.write(&file, ASSETS.to_vec(), Expected::Nothing).await;
    assert!(matches!(again, Err(StoreError::Changed(_))), "{again:?}");
    let seen = store.read(&file).await.unwrap().etag;
    let mine = [ASSETS, b"\n"].concat();
    store.write(&file, mine.clone(), Expected::Content(seen.clone())).await.unwrap();
    let late = store.write(&file, ASSETS.to_vec(), Expected::Content(seen)).await;
    assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
    assert_eq!(store.read(&file).await.unwrap().content, mine);
}

#[tokio::test]
async fn a_check_says_what_is_wrong_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
    assert!(store.check(&name("assets_x.json"), ASSETS.to_vec()).await.unwrap().is_empty());
    assert!(!store.check(&name("assets_x.json"), b"{}".to_vec()).await.unwrap().is_empty());
    assert!(store.list().await.unwrap().is_empty());
}
