//! From the fields of a rule in a file to a [`Rule`].

use super::compile::Compiler;
use super::field::{address_test, custom_data_test, port_test, protocol_test};
use super::stages::{References, Stage};
use super::{Rule, RuleKind, Text, Written};
use crate::form::{Fields, Reported, quoted, required};
use crate::matcher::{AddressTest, PortTest, TextTest};
use crate::sticky::StickyField;

/// The names of the custom data fields.
pub(super) const CUSTOM_DATA: [&str; 3] = ["custom_data1", "custom_data2", "custom_data3"];

/// Reads one rule.
pub(super) struct RuleReader<'r, 'c, 'f> {
    pub(super) compiler: &'r mut Compiler<'c, 'f>,
    pub(super) fields: Fields<'r>,
    pub(super) stage: Result<Stage<'r>, Reported>,
    pub(super) references: References<'r>,
}

impl RuleReader<'_, '_, '_> {
    /// Reads all fields. Every problem is reported, not only the first.
    pub(super) fn read(mut self) -> Result<Rule, Reported> {
        let name = self.compiler.text(self.fields, "name");
        let kind = self.kind();
        let occurrence = self.occurrence();
        let from = self.address("from");
        let to = self.address("to");
        let port_from = self.port("port_from");
        let port_to = self.port("port_to");
        let protocol = self.protocol();
        let custom_data = CUSTOM_DATA.map(|field| self.custom_data(field));
        let reliability =
            self.compiler.number(self.fields, "reliability", 0..=10, Some(&|n| if n < 0 { 0 } else { 10 }));
        let timeout = self.timeout();
        let sticky_different = self.sticky_different();
        let [custom_data1, custom_data2, custom_data3] = custom_data;
        let custom_data = [custom_data1?, custom_data2?, custom_data3?];
        Ok(Rule {
            stage: self.stage?.number,
            name: name?,
            kind: kind?,
            occurrence: occurrence?,
            from: from?,
            to: to?,
            port_from: port_from?,
            port_to: port_to?,
            protocol: protocol?,
            custom_data,
            reliability: reliability?,
            timeout_secs: timeout?,
            sticky_different: sticky_different?,
        })
    }

    fn kind(&mut self) -> Result<RuleKind, Reported> {
        let report = &mut *self.compiler.report;
        match required("type", self.fields.text("type", report), report)? {
            "PluginRule" => self.plugin(),
            "TaxonomyRule" => self.taxonomy(),
            other => {
                let message =
                    format!("{} is no kind of rule: write \"PluginRule\" or \"TaxonomyRule\"", quoted(other));
                Err(report.error("type", message))
            }
        }
    }

    fn plugin(&mut self) -> Result<RuleKind, Reported> {
        let report = &mut *self.compiler.report;
        let id = self.fields.whole_in("plugin_id", 1..=u64::MAX, report);
        let sids = self.fields.wholes_in("plugin_sid", 1..=u64::MAX, report);
        Ok(RuleKind::Plugin { id: id?, sids: sids? })
    }

    fn taxonomy(&mut self) -> Result<RuleKind, Reported> {
        let products = self.fields.filled_texts("product", self.compiler.report);
        let category = self.compiler.filled_text(self.fields, "category");
        let subcategories = match self.fields.list("subcategory", self.compiler.report)? {
            None | Some([]) => Ok(Box::default()),
            Some(_) => self.fields.filled_texts("subcategory", self.compiler.report),
        };
        Ok(RuleKind::Taxonomy {
            products: self.shared(&products?),
            category: category?,
            subcategories: self.shared(&subcategories?),
        })
    }

    fn shared(&mut self, texts: &[&str]) -> Box<[Text]> {
        texts.iter().map(|text| self.compiler.interner.share(text)).collect()
    }

    /// One event opens a backlog, so the first stage has an occurrence of 1.
    fn occurrence(&mut self) -> Result<u32, Reported> {
        let most = if self.stage.is_ok_and(|stage| stage.is_first) { 1 } else { u32::MAX };
        let repair = |written: i128| if written < 1 { 1 } else { most };
        self.compiler.number(self.fields, "occurrence", 1..=most, Some(&repair))
    }

    /// Seconds; 0 if it is missing.
    fn timeout(&mut self) -> Result<u32, Reported> {
        if !self.fields.has("timeout") {
            return Ok(0);
        }
        let repair = |written: i128| if written < 0 { 0 } else { u32::MAX };
        self.compiler.number(self.fields, "timeout", 0..=u32::MAX, Some(&repair))
    }

    fn address(&mut self, field: &str) -> Result<Written<AddressTest>, Reported> {
        let text = self.compiler.filled_text(self.fields, field)?;
        let test = address_test(field, &text, self.references, self.compiler.report)?;
        Ok(Written { text, test })
    }

    fn port(&mut self, field: &str) -> Result<Written<PortTest>, Reported> {
        let text = self.compiler.text(self.fields, field)?;
        let test = port_test(field, &text, self.references, self.compiler.report)?;
        Ok(Written { text, test })
    }

    fn protocol(&mut self) -> Result<Written<TextTest>, Reported> {
        let text = self.compiler.text(self.fields, "protocol")?;
        let test = if self.compiler.mode.ignore_protocol {
            TextTest::Any
        } else {
            protocol_test("protocol", &text, self.references, self.compiler.report)?
        };
        Ok(Written { text, test })
    }

    fn custom_data(&mut self, field: &str) -> Result<Written<TextTest>, Reported> {
        let text = self.compiler.text(self.fields, field)?;
        let test =
            custom_data_test(field, &text, self.references, self.compiler.interner, self.compiler.report)?;
        Ok(Written { text, test })
    }

    fn sticky_different(&mut self) -> Result<Option<StickyField>, Reported> {
        const FIELD: &str = "sticky_different";
        match self.fields.text(FIELD, self.compiler.report)?.unwrap_or_default() {
            "" | "none" => Ok(None),
            name => StickyField::from_name(name).map(Some).ok_or_else(|| {
                let known = StickyField::ALL.map(StickyField::as_str).join(", ");
                let message = format!("{} is no field: write one of {known}, or none", quoted(name));
                self.compiler.report.error(FIELD, message)
            }),
        }
    }
}
