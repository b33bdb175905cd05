//! Where threat intelligence and vulnerabilities are asked for: `intel_*.json` and `vuln_*.json`.

use serde_json::Value;

use crate::form::{Entries, Fields, Report, Reported, quoted};
use crate::problem::Checked;

/// One source of look-ups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the user calls it; not empty.
    pub name: String,
    /// `type` in the file; shown, not used; may be empty.
    pub kind: String,
    /// Whether it is asked.
    pub enabled: bool,
    /// How it is asked.
    pub plugin: Plugin,
    /// The file it stands in.
    pub file: String,
}

/// How a source is asked, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plugin {
    /// Threat intelligence about an address.
    Wise {
        /// Holds `${ip}`.
        url: String,
    },
    /// Vulnerabilities of an address and port.
    Nesd {
        /// Holds `${ip}` and `${port}`.
        url: String,
        /// Whether findings of low risk count, too.
        allow_low_severity: bool,
    },
}

/// What is looked up in the sources of a file.
#[derive(Clone, Copy)]
struct FileForm {
    /// The key of the list in a file.
    list: &'static str,
    /// The plugin that such sources may name.
    plugin: &'static str,
    /// What its URL must hold.
    placeholders: &'static [&'static str],
    build: fn(String, bool) -> Plugin,
}

const INTEL: FileForm = FileForm {
    list: "intel_sources",
    plugin: "Wise",
    placeholders: &["${ip}"],
    build: |url, _| Plugin::Wise { url },
};

const VULNERABILITIES: FileForm = FileForm {
    list: "vuln_sources",
    plugin: "Nesd",
    placeholders: &["${ip}", "${port}"],
    build: |url, allow_low_severity| Plugin::Nesd { url, allow_low_severity },
};

/// Reads a file of threat intelligence sources: `intel_*.json`.
#[must_use]
pub fn read_intel(file_name: &str, bytes: &[u8]) -> Checked<Vec<Source>> {
    read(file_name, bytes, INTEL)
}

/// Reads a file of vulnerability sources: `vuln_*.json`.
#[must_use]
pub fn read_vuln(file_name: &str, bytes: &[u8]) -> Checked<Vec<Source>> {
    read(file_name, bytes, VULNERABILITIES)
}

fn read(file_name: &str, bytes: &[u8], form: FileForm) -> Checked<Vec<Source>> {
    let mut report = Report::new(file_name);
    let mut sources = Vec::new();
    if let Ok(entries) = Entries::read(bytes, form.list, &mut report) {
        entries.each(&mut report, |report, entry| {
            let source =
                entry.and_then(|value| read_source(form, Fields::of(&value, report)?, file_name, report));
            sources.extend(source.ok().flatten());
        });
    }
    Checked { value: sources, problems: report.finish() }
}

/// One source; `None` if nobody would know how to ask it.
fn read_source(
    form: FileForm,
    fields: Fields<'_>,
    file: &str,
    report: &mut Report<'_>,
) -> Result<Option<Source>, Reported> {
    let name = fields.filled_text("name", report);
    if let Ok(name) = name {
        report.enter(format!("source {}", quoted(name)));
    }
    let kind = fields.text("type", report);
    let enabled = fields.flag("enabled", report).map(|flag| {
        flag.unwrap_or_else(|| {
            report.warning("enabled", "is missing: the source is not asked; write true or false");
            false
        })
    });
    let before = report.mark();
    let plugin = read_plugin(form, fields, report);
    if enabled == Ok(false) {
        // Nobody asks it, so nothing about how it is asked stops a start.
        report.excuse_since(before);
    }
    let (name, kind, enabled) = (name?.to_owned(), kind?.unwrap_or_default().to_owned(), enabled?);
    Ok(plugin?.map(|plugin| Source { name, kind, enabled, plugin, file: file.to_owned() }))
}

/// The plugin and its `config`, which is JSON inside a text; `None` for a plugin that there is not.
fn read_plugin(
    form: FileForm,
    fields: Fields<'_>,
    report: &mut Report<'_>,
) -> Result<Option<Plugin>, Reported> {
    const FIELD: &str = "config";
    let plugin = fields.filled_text("plugin", report);
    if let Some(unknown) = plugin.ok().filter(|plugin| *plugin != form.plugin) {
        let message = format!(
            "{} is no plugin for this: the source is not used; write {:?}",
            quoted(unknown),
            form.plugin
        );
        report.warning("plugin", message);
        return Ok(None);
    }
    let config = fields.filled_text(FIELD, report)?;
    let config: Value = serde_json::from_str(config)
        .map_err(|error| report.error(FIELD, format!("{} is not JSON in a text: {error}", quoted(config))))?;
    let config = match &config {
        Value::Object(_) => Fields::of(&config, report)?,
        _ => return Err(report.error(FIELD, "is not an object in a text: write \"{\\\"url\\\": …}\"")),
    };
    let url = read_url(form, config, report);
    let allow_low_severity = config.flag("allow_low_severity", report);
    plugin?;
    Ok(Some((form.build)(url?, allow_low_severity?.unwrap_or_default())))
}

/// A URL is taken apart only by whoever asks it; what can be seen from here is checked here.
fn read_url(form: FileForm, config: Fields<'_>, report: &mut Report<'_>) -> Result<String, Reported> {
    const FIELD: &str = "url";
    let url = config.filled_text(FIELD, report)?;
    let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let mut bad = None;
    if !host.is_some_and(|host| host.starts_with(|first: char| first.is_alphanumeric() || first == '[')) {
        bad = Some(report.error(
            FIELD,
            format!("{} is no URL: it begins with http:// or https:// and a host", quoted(url)),
        ));
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        bad = Some(report.error(FIELD, format!("{} holds blanks or control characters", quoted(url))));
    }
    for placeholder in form.placeholders.iter().filter(|placeholder| !url.contains(**placeholder)) {
        let message = format!("{} lacks {placeholder}, which stands for what is asked about", quoted(url));
        bad = Some(report.error(FIELD, message));
    }
    bad.map_or_else(|| Ok(url.to_owned()), Err)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wise() -> Value {
        json!({"name": "w", "type": "Intel", "enabled": true, "plugin": "Wise",
               "config": r#"{"url": "http://wise:8081/ip/${ip}"}"#})
    }

    fn nesd() -> Value {
        json!({"name": "n", "type": "Vuln", "enabled": true, "plugin": "Nesd",
               "config": r#"{"url": "https://nesd/?ip=${ip}&port=${port}", "allow_low_severity": true}"#})
    }

    fn intel(source: &Value) -> Checked<Vec<Source>> {
        read_intel("intel_x.json", json!({"intel_sources": [source]}).to_string().as_bytes())
    }

    fn vuln(source: &Value) -> Checked<Vec<Source>> {
        read_vuln("vuln_x.json", json!({"vuln_sources": [source]}).to_string().as_bytes())
    }

    /// What is said about an intel source that works but for this field; errors unless `harmless`.
    #[track_caller]
    fn check(field: &str, value: Value, harmless: bool, expected: &[&str]) {
        let mut source = wise();
        source[field] = value;
        check_source(&intel(&source), harmless, expected);
    }

    #[track_caller]
    fn check_source(checked: &Checked<Vec<Source>>, harmless: bool, expected: &[&str]) {
        let said: Vec<_> = checked.problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "{said:?} does not say {expected:?}");
        }
        assert_eq!(checked.has_errors(), !harmless, "{said:?}");
    }

    #[test]
    fn sources_of_both_kinds() {
        let checked = intel(&wise());
        assert_eq!(checked.problems, []);
        let expected = Source {
            name: "w".to_owned(),
            kind: "Intel".to_owned(),
            enabled: true,
            plugin: Plugin::Wise { url: "http://wise:8081/ip/${ip}".to_owned() },
            file: "intel_x.json".to_owned(),
        };
        assert_eq!(checked.value, [expected]);

        let checked = vuln(&nesd());
        assert_eq!(checked.problems, []);
        let url = "https://nesd/?ip=${ip}&port=${port}".to_owned();
        assert_eq!(checked.value[0].plugin, Plugin::Nesd { url, allow_low_severity: true });
    }

    #[test]
    fn several_sources_of_one_plugin_are_all_kept() {
        let mut second = wise();
        second["name"] = json!("w2");
        let file = json!({"intel_sources": [wise(), second]}).to_string();
        let checked = read_intel("intel_x.json", file.as_bytes());
        assert_eq!(checked.value.iter().map(|source| &*source.name).collect::<Vec<_>>(), ["w", "w2"]);
    }

    #[test]
    fn an_unknown_plugin_is_a_warning_and_the_source_is_not_used() {
        let expected = "intel_x.json: source \"w\": plugin: warning: \"Misp\" is no plugin for this: the source is not \
                        used; write \"Wise\"";
        check("plugin", json!("Misp"), true, &[expected]);
        check("plugin", json!("wise"), true, &["\"wise\" is no plugin"]);
        let checked = intel(&nesd());
        assert_eq!(checked.value, []);
        check_source(&checked, true, &["\"Nesd\" is no plugin for this"]);
    }

    #[test]
    fn fields() {
        check("name", Value::Null, false, &["entry 1: name: is missing"]);
        check("name", json!(""), false, &["name: is empty"]);
        check("type", Value::Null, true, &[]);
        check("type", json!(1), false, &["type: 1 is not a text"]);
        check("enabled", json!("true"), false, &["enabled: \"true\" is not true or false"]);
        check("enabled", Value::Null, true, &["enabled: warning: is missing: the source is not asked"]);
        check("plugin", Value::Null, false, &["plugin: is missing"]);
        check("config", Value::Null, false, &["config: is missing"]);
        check("config", json!({"url": "x"}), false, &["config: an object is not a text"]);
        check(
            "config",
            json!("http://x/${ip}"),
            false,
            &["config: \"http://x/${ip}\" is not JSON in a text"],
        );
        check("config", json!("[]"), false, &["config: is not an object in a text"]);
        check("config", json!("{}"), false, &["source \"w\": url: is missing"]);
        check(
            "config",
            json!("[".repeat(10_000)),
            false,
            &["is not JSON in a text: recursion limit exceeded"],
        );
    }

    #[test]
    fn urls() {
        let check = |url: &str, expected: &[&str]| {
            check("config", json!(json!({"url": url}).to_string()), expected.is_empty(), expected);
        };
        check("http://wise/${ip}", &[]);
        check("https://[2001:db8::1]:8081/?q=${ip}&r=1", &[]);
        check("http://wise/", &["source \"w\": url: \"http://wise/\" lacks ${ip}"]);
        check("http://wise/$ip", &["lacks ${ip}"]);
        check(
            "ftp://wise/${ip}",
            &["\"ftp://wise/${ip}\" is no URL: it begins with http:// or https:// and a host"],
        );
        check("wise/${ip}", &["is no URL"]);
        check("http:///${ip}", &["is no URL"]);
        check("http://wi se/${ip}", &["holds blanks or control characters"]);
        check("x", &["is no URL", "lacks ${ip}"]);
    }

    #[test]
    fn a_vulnerability_source_is_asked_about_address_and_port() {
        let mut source = nesd();
        source["config"] = json!(r#"{"url": "http://nesd/?ip=${ip}"}"#);
        check_source(&vuln(&source), false, &["source \"n\": url: \"http://nesd/?ip=${ip}\" lacks ${port}"]);
        source["config"] = json!(r#"{"url": "http://nesd/${ip}/${port}", "allow_low_severity": 1}"#);
        check_source(&vuln(&source), false, &["allow_low_severity: 1 is not true or false"]);
    }

    #[test]
    fn what_is_wrong_with_a_disabled_source_stops_nothing() {
        let mut source = wise();
        source["enabled"] = json!(false);
        assert!(!intel(&source).value[0].enabled);
        source["config"] = json!("{}");
        let checked = intel(&source);
        check_source(&checked, true, &["url: warning: is missing"]);
        assert_eq!(checked.value, []);
    }
}
