//! Replays every file that fuzzing has kept, and some that are wrong in ways of their own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, panic};

use dsiem_inputs::INPUTS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn files(name: &str) -> Vec<PathBuf> {
    let folder = fuzz().join("corpus").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn every_kept_input_is_taken_by_every_reader() {
    for input in INPUTS {
        let files = files(input.name);
        assert!(files.len() >= 2, "{} has no corpus", input.name);
        for path in files {
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.len() <= 64 << 10, "{} is too large to be kept", path.display());
            let taken = panic::catch_unwind(|| (input.check)(&bytes));
            assert!(taken.is_ok(), "{} fails with {}", input.name, path.display());
        }
    }
}

/// What is kept of one kind is no good for another, and nothing of it may be cut or changed with impunity.
#[test]
fn damaged_inputs_are_taken_too() {
    for input in INPUTS {
        let bytes: Vec<_> = files(input.name).iter().map(|path| fs::read(path).unwrap()).collect();
        for bytes in bytes.iter().filter(|bytes| bytes.len() <= 2_000) {
            for cut in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
                (input.check)(&bytes[..cut]);
                let mut changed = bytes.clone();
                changed[cut] ^= 0x15;
                (input.check)(&changed);
            }
        }
    }
}

#[test]
fn every_input_has_a_target_and_every_target_is_an_input() {
    let inputs: BTreeSet<_> = INPUTS.iter().map(|input| input.name.to_owned()).collect();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let in_folder = |folder: &str| -> BTreeSet<_> {
        fs::read_dir(fuzz().join(folder)).unwrap().map(|file| stem(file.unwrap().path())).collect()
    };
    assert_eq!(in_folder("fuzz_targets"), inputs);
    assert_eq!(in_folder("corpus"), inputs);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &inputs {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is not in Cargo.toml"
        );
    }
}
