//! The directives of a workload: alike but for their ids and sids, with the stages that the workload wants.

use serde_json::{Value, json};

/// More than any run sends, so that no backlog leaves its second stage.
const FOR_EVER: u32 = 100_000_000;

/// How a directive's stages are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Address of the later stages: `:1`, or `ANY` for backlogs that all want every event.
    pub(crate) later: &'static str,
    /// How many; ten at most.
    pub(crate) stages: u32,
    /// Events that the later ones want.
    pub(crate) occurrence: u32,
    /// Whether a stage is worth an alarm, which makes the risk 6 and not 0.
    pub(crate) alarming: bool,
    /// Seconds of each stage.
    pub(crate) timeout: u32,
    /// Whether earlier stages go on taking events.
    pub(crate) all_active: bool,
}

impl Rules {
    /// Three stages, of which the second counts for ever, between the hosts of the first event.
    pub(crate) const COUNTING: Self = Self {
        later: ":1",
        stages: 3,
        occurrence: FOR_EVER,
        alarming: false,
        timeout: 3_600,
        all_active: false,
    };

    /// Ten stages of one event each, all worth an alarm.
    pub(crate) const CLIMBING: Self = Self { stages: 10, occurrence: 1, alarming: true, ..Self::COUNTING };

    /// Whether each concerned event is to write an alarm document.
    pub(crate) fn writes_documents(&self) -> bool {
        self.alarming && self.occurrence == 1
    }

    /// The content of a directive file with so many directives.
    pub(crate) fn file(&self, count: u32) -> String {
        // Directive by directive: as one value, 100,000 of them would take more memory than what is measured.
        let directives: Vec<_> = (0..count).map(|directive| self.directive(directive).to_string()).collect();
        format!(r#"{{"directives":[{}]}}"#, directives.join(",\n"))
    }

    fn directive(&self, directive: u32) -> Value {
        let rules: Vec<_> = (1..=self.stages).map(|stage| self.rule(directive, stage)).collect();
        json!({"id": directive + 1, "name": "Scan from SRC_IP", "priority": 3, "kingdom": "k", "category": "c",
               "all_rules_always_active": self.all_active, "rules": rules})
    }

    fn rule(&self, directive: u32, stage: u32) -> Value {
        let (address, occurrence) = if stage == 1 { ("ANY", 1) } else { (self.later, self.occurrence) };
        let reliability = if self.alarming { 10 } else { stage };
        json!({"name": format!("stage {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
               "plugin_sid": [10 * u64::from(directive) + u64::from(stage)], "occurrence": occurrence, "from": address,
               "to": address, "port_from": "ANY", "port_to": "ANY", "protocol": "ANY", "reliability": reliability,
               "timeout": self.timeout})
    }
}
