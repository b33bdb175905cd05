//! Files that are damaged, moved, in use, older or newer than they should be.

use std::io::{Read, Seek, SeekFrom, Write};

use super::*;

fn at(stream: StreamId, sequence: u64) -> Option<Position> {
    Some(Position { stream, sequence })
}

/// The files as a process that was killed leaves them behind; ours goes on with its own.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = super::folder();
    for name in ["events", "events-wal"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_was_answered_is_there_although_nobody_closed_the_log() {
    let folder = folder();
    let process = Process::start(folder.path(), None);
    process.publish(numbers(0..100)).await.unwrap();
    let copy = copy_of(folder.path());
    let mut killed = Process::start(copy.path(), None);
    assert_eq!(killed.take(100).await.0, numbers(0..100));
    killed.stop().await;
    process.stop().await;
}

#[tokio::test]
async fn a_log_in_use_cannot_be_opened_again() {
    let folder = folder();
    let process = Process::start(folder.path(), None);
    process.publish(["a"]).await.unwrap();
    let error = Process::try_start(place(folder.path()), None).err().unwrap();
    let text = format!("{error:#}");
    assert!(text.contains("events: another process is using it"), "{text}");
    process.publish(["b"]).await.unwrap();
    process.stop().await;
    Process::start(folder.path(), None).stop().await;
}

#[tokio::test]
async fn another_log_than_the_checkpoint_names_is_read_from_its_beginning() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    process.publish(numbers(0..10)).await.unwrap();
    let (_, place) = process.take(10).await;
    process.stop().await;
    let other = StreamId(place.unwrap().stream.0 ^ 1);
    let mut process = Process::start(folder.path(), at(other, 5));
    assert_eq!(process.take(10).await.0, numbers(0..10));
    assert_eq!((process.gaps("other_stream"), process.lost()), (1, 0));
    assert_eq!(process.degraded(), [health::COMPLETE]);
    process.stop().await;
}

#[tokio::test]
async fn events_that_were_erased_and_are_needed_are_counted() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    // More than a row each.
    let large = "x".repeat(70 * KIB);
    for _ in 0..5 {
        process.publish([&large]).await.unwrap();
    }
    let (_, place) = process.take(3).await;
    process.bus.subscription.acknowledger().acknowledge(place.unwrap());
    process.stop().await;
    // Opening erases what is left of it.
    let process = Process::start(folder.path(), place);
    process.publish(["last"]).await.unwrap();
    process.stop().await;
    let mut process = Process::start(folder.path(), at(place.unwrap().stream, 1));
    assert_eq!((process.gaps("erased"), process.lost()), (1, 2));
    assert_eq!(process.degraded(), [health::COMPLETE]);
    let (names, reached) = process.take(3).await;
    assert_eq!((names.last().unwrap().as_str(), reached.unwrap().sequence), ("last", 6));
    process.stop().await;
}

#[tokio::test]
async fn numbers_that_the_checkpoint_knows_are_not_given_again() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    process.publish(numbers(0..10)).await.unwrap();
    let stream = process.take(10).await.1.unwrap().stream;
    process.stop().await;
    for gaps in [1, 0] {
        let process = Process::start(folder.path(), at(stream, 25));
        assert_eq!((process.gaps("behind"), process.bus.subscription.queue_length()), (gaps, 0));
        process.stop().await;
    }
    let mut process = Process::start(folder.path(), at(stream, 25));
    process.publish(["new"]).await.unwrap();
    assert_eq!(process.take(1).await, (vec!["new".to_owned()], at(stream, 26)));
    process.stop().await;
}

#[tokio::test]
async fn when_the_machine_goes_down_before_a_sync_numbers_are_left_out() {
    let folder = folder();
    let boot = |boot: &str, folder: &Path| Place {
        fsync_interval: Duration::from_secs(3_600),
        boot: Some(boot.to_owned()),
        ..place(folder)
    };
    let process = Process::try_start(boot("first", folder.path()), None).unwrap();
    process.publish(numbers(0..10)).await.unwrap();

    let killed = copy_of(folder.path());
    let process_killed = Process::try_start(boot("first", killed.path()), None).unwrap();
    assert_eq!(
        (process_killed.gaps("unsynced"), process_killed.degraded().len()),
        (0, 0),
        "the same machine"
    );
    process_killed.stop().await;

    let powerless = copy_of(folder.path());
    for again in [false, true] {
        let mut restarted = Process::try_start(boot("second", powerless.path()), None).unwrap();
        assert_eq!(restarted.gaps("unsynced"), u64::from(!again), "said once");
        restarted.publish(["new"]).await.unwrap();
        let (names, reached) = restarted.take(11 + usize::from(again)).await;
        assert_eq!(names[..10], numbers(0..10));
        assert_eq!(reached.unwrap().sequence, 10 + (1 << 32) + 1 + u64::from(again));
        restarted.stop().await;
    }
    process.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_log_is_set_aside() {
    let folder = folder();
    let path = folder.path().join("events");
    let mut process = Process::start(folder.path(), None);
    process.publish(numbers(0..10)).await.unwrap();
    let place = process.take(10).await.1;
    process.stop().await;
    let garbage = vec![b'x'; 100_000];
    fs::write(&path, &garbage).unwrap();

    let mut process = Process::start(folder.path(), place);
    assert_eq!(fs::read(folder.path().join("events.damaged")).unwrap(), garbage);
    assert_eq!(process.gaps("other_stream"), 1, "what was in it is lost");
    assert_eq!(process.degraded(), [health::COMPLETE]);
    process.publish(["new"]).await.unwrap();
    let (names, reached) = process.take(1).await;
    assert_eq!((names, reached.unwrap().sequence), (vec!["new".to_owned()], 1));
    assert_ne!(reached.unwrap().stream, place.unwrap().stream);
    process.stop().await;
}

#[tokio::test]
async fn a_database_of_something_else_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("events");
    rusqlite::Connection::open(&path).unwrap().execute_batch("create table mine (x)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Process::try_start(place(folder.path()), None).err().unwrap();
    assert!(format!("{error:#}").contains("a database of another program"), "{error:#}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Overwrites some bytes in the middle of where `text` stands in the file.
fn damage(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    let place = content.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    file.seek(SeekFrom::Start(place as u64)).unwrap();
    file.write_all(b"!").unwrap();
}

#[tokio::test]
async fn a_damaged_row_costs_its_events_and_no_others() {
    let folder = folder();
    let process = Process::start(folder.path(), None);
    // Ends with what no number has: else the name of 2 and a byte of the time of 3 can be the name of 20.
    let name = |number: usize| format!("{number:04999}.");
    process.publish((0..40).map(name)).await.unwrap();
    process.stop().await;
    damage(&folder.path().join("events"), &name(20));
    let mut process = Process::start(folder.path(), None);
    let (first, _) = process.take(1).await;
    process.publish(["last"]).await.unwrap();
    let mut names = first;
    while names.last().unwrap() != "last" {
        names.extend(process.take(1).await.0);
    }
    let lost = 41 - names.len();
    assert!((10..=15).contains(&lost), "{lost} of a row of 60 KiB");
    assert_eq!((process.gaps("damaged"), process.lost()), (1, lost as u64));
    assert!(!names.contains(&name(20)) && names.contains(&name(39)));
    assert_eq!(process.bus.subscription.queue_length(), 0);
    process.stop().await;
}

#[tokio::test]
async fn a_log_that_is_removed_while_it_is_in_use_is_begun_anew() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    process.publish(["a", "b"]).await.unwrap();
    let first = process.take(1).await.1.unwrap();
    for name in ["events", "events-wal"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(process.publish(["refused"]).await, Err(PublishError::NotConfirmed));
    assert_eq!(process.degraded(), [health::STORING]);
    process.publish(["c"]).await.unwrap();
    assert_eq!((process.gaps("replaced"), process.lost()), (1, 0), "the others are in memory");
    assert_eq!(process.degraded(), [health::COMPLETE]);
    assert_eq!(process.take(1).await, (vec!["b".to_owned()], at(first.stream, 2)));
    let (names, reached) = process.take(1).await;
    assert_eq!((names, reached.unwrap().sequence), (vec!["c".to_owned()], 1));
    assert_ne!(reached.unwrap().stream, first.stream);
    // What it says of the old log does not concern the new one.
    process.bus.subscription.acknowledger().acknowledge(first);
    process.stop().await;
    let mut process = Process::start(folder.path(), at(reached.unwrap().stream, 0));
    assert_eq!(process.take(1).await.0, ["c"]);
    process.stop().await;
}

#[tokio::test]
async fn an_older_copy_put_in_place_of_the_log_costs_what_was_not_read_and_no_number_comes_twice() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    process.publish(["a", "b"]).await.unwrap();
    let older = copy_of(folder.path());
    let large = "x".repeat(40 * KIB);
    // Two fit into memory.
    for _ in 0..4 {
        process.publish([&large]).await.unwrap();
    }
    for name in ["events", "events-wal"] {
        fs::remove_file(folder.path().join(name)).unwrap();
        fs::copy(older.path().join(name), folder.path().join(name)).unwrap();
    }
    assert_eq!(process.publish(["refused"]).await, Err(PublishError::NotConfirmed));
    process.publish(["new"]).await.unwrap();
    let lost = process.lost();
    assert!(process.gaps("replaced") == 1 && (2..=3).contains(&lost), "{lost} lost");
    let (names, reached) = process.take(7 - lost as usize).await;
    assert_eq!((names[0].as_str(), names.last().unwrap().as_str()), ("a", "new"));
    assert_eq!(reached.unwrap().sequence, 7);
    assert_eq!(process.bus.subscription.queue_length(), 0);
    process.stop().await;
}
