//! Configuration files, and the examples of `sample-attack`.

use std::sync::Arc;

use dsiem_core::assets::{self as asset_files, Assets};
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::problem::Problem;
use dsiem_core::snapshot::record;
use dsiem_core::{example, sources as source_files};

use crate::life;

/// Every message can be written.
fn tell(problems: &[Problem]) {
    for problem in problems {
        assert!(!problem.to_string().is_empty());
    }
}

/// A file of directives, strictly and leniently: what is accepted can be saved, read again, and live.
///
/// # Panics
/// If that does not hold.
pub fn directives(data: &[u8]) {
    for lenient in [false, true] {
        let checked = check::read("directives_x.json", data, Mode { lenient, ignore_protocol: lenient });
        tell(&checked.problems);
        for directive in checked.value.into_iter().map(Arc::new) {
            let saved = record::write_definition(&directive);
            let again =
                record::read_definition(&saved, None).expect("a definition that was saved can be read");
            assert_eq!(saved, record::write_definition(&again), "it is read as something else");
            life::live(&directive);
        }
    }
}

/// A file of assets: what is accepted can be asked.
///
/// # Panics
/// If it cannot.
pub fn assets(data: &[u8]) {
    let checked = asset_files::read("assets_x.json", data);
    tell(&checked.problems);
    let assets = Assets::new(checked.value);
    for address in ["10.0.0.1", "0.0.0.0", "::1", "::ffff:10.0.0.1", "2001:db8::1"] {
        let address = address.parse().expect("an address");
        let is_home = assets.is_home(address);
        assert!(
            is_home || assets.home_networks(address).next().is_none(),
            "home networks of what is not home"
        );
        assert!(assets.value(address) <= 5, "an asset is worth up to 5");
        assert!(is_home || assets.host_name(address).is_none(), "a name of what nobody listed");
    }
}

/// A file of look-up sources.
///
/// # Panics
/// If it cannot be read without.
pub fn sources(data: &[u8]) {
    tell(&source_files::read_intel("intel_x.json", data).problems);
    tell(&source_files::read_vuln("vuln_x.json", data).problems);
}

/// A file of examples: its cases have names and times that can be worked with.
///
/// # Panics
/// If that does not hold.
pub fn example_cases(data: &[u8]) {
    let checked = example::read("examples_x.json", data);
    tell(&checked.problems);
    for case in checked.value {
        assert!(!case.label().is_empty());
        assert!(case.duration_secs() >= case.wait_secs, "it ends before it waits");
        assert_eq!(case.event_ids().count(), case.event_ids().count());
    }
}
