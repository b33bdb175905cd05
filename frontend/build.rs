//! Has the crate compiled again when the built page has changed, which goes into the program.
//!
//! Where nothing was built yet, the folder around it is watched: watching what is not there would mean compiling each
//! time.

use std::path::Path;

/// What `make web` makes.
const BUILT: &str = "../web/dist";

fn main() {
    let watched = if Path::new(BUILT).exists() { BUILT } else { "../web" };
    println!("cargo:rerun-if-changed={watched}");
}
