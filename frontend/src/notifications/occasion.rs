//! What happened to an alarm that people may want to be told of.
//!
//! It is written in the transaction that stores the alarm: what is stored is told, and an update that comes twice says
//! nothing new the second time. What users do with an alarm is no occasion, and lines of existing files are none:
//! whoever imports a year of alarms does not want to be woken for each.

use std::net::IpAddr;

use dsiem_core::risk::RiskClass;
use serde::{Deserialize, Serialize};

use crate::alarm_store::Alarm;
use crate::alarm_store::document::class_name;
use crate::database::DatabaseError;
use crate::database::sql::Connection;

/// What can happen to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// It is new.
    Appeared,
    /// Its class is higher than before.
    ClassRose,
    /// One more of its stages is complete.
    StageCompleted,
    /// It was deleted or a false positive, and is open again because its class rose.
    Reopened,
}

/// An alarm that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Occasion {
    pub(super) kind: Kind,
    /// In seconds since 1970.
    pub(super) at: i64,
    /// Its class before, where that was another one.
    pub(super) previous_risk_class: Option<Class>,
    #[serde(flatten)]
    pub(super) facts: Facts,
}

/// A class of risk by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Class(#[serde(with = "class_name")] pub RiskClass);

/// What rules ask of an alarm, and what people are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) alarm_id: String,
    pub(super) title: String,
    pub(super) status: String,
    pub(super) tag: String,
    pub(super) kingdom: String,
    pub(super) category: String,
    pub(super) directive_id: Option<u64>,
    pub(super) risk: u8,
    pub(super) risk_class: Class,
    pub(super) src_ips: Vec<IpAddr>,
    pub(super) dst_ips: Vec<IpAddr>,
    pub(super) networks: Vec<String>,
    pub(super) created_time: i64,
    pub(super) update_time: i64,
    pub(super) stages: usize,
    pub(super) finished_stages: usize,
    pub(super) findings: usize,
}

/// What has become of an alarm, as the store sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<'a> {
    /// It is new.
    Appeared,
    /// It was this before.
    Changed(&'a Alarm),
    /// It had been put aside, and is back.
    Returned,
}

/// The occasions of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Occasions {
    /// Whether anybody wants to be told of anything; looked up when it is first asked.
    wanted: Option<bool>,
}

impl Occasions {
    /// Notes what has become of an alarm, if that is an occasion and any rule is enabled.
    pub(crate) fn note(
        &mut self,
        db: &mut dyn Connection,
        event: Event<'_>,
        alarm: &Alarm,
        now: i64,
    ) -> Result<(), DatabaseError> {
        let Some(kind) = kind_of(event, alarm) else { return Ok(()) };
        let wanted = match self.wanted {
            Some(wanted) => wanted,
            None => *self.wanted.insert(is_wanted(db)?),
        };
        if !wanted {
            return Ok(());
        }
        let before = match event {
            Event::Changed(old) => Some(old.document.risk_class),
            Event::Appeared | Event::Returned => None,
        };
        let previous = before.filter(|class| *class != alarm.document.risk_class).map(Class);
        let occasion = Occasion { kind, at: now, previous_risk_class: previous, facts: Facts::of(alarm) };
        db.execute(
            "INSERT INTO notification_occasions (occasion) VALUES (?1)",
            &[super::as_json(&occasion)?.into()],
        )?;
        Ok(())
    }
}

fn is_wanted(db: &mut dyn Connection) -> Result<bool, DatabaseError> {
    Ok(!db.query("SELECT id FROM notification_rules WHERE enabled = 1 LIMIT 1", &[])?.is_empty())
}

fn kind_of(event: Event<'_>, alarm: &Alarm) -> Option<Kind> {
    match event {
        Event::Appeared => Some(Kind::Appeared),
        Event::Returned => Some(Kind::Reopened),
        Event::Changed(old) if alarm.document.risk_class > old.document.risk_class => Some(Kind::ClassRose),
        Event::Changed(old) if finished_stages(alarm) > finished_stages(old) => Some(Kind::StageCompleted),
        Event::Changed(_) => None,
    }
}

fn finished_stages(alarm: &Alarm) -> usize {
    alarm.document.rules.iter().filter(|stage| stage.status == "finished").count()
}

impl Facts {
    fn of(alarm: &Alarm) -> Self {
        let (document, handling) = (&alarm.document, &alarm.handling);
        Self {
            alarm_id: document.alarm_id.clone(),
            title: document.title.clone(),
            status: handling.status.clone(),
            tag: handling.tag.clone(),
            kingdom: document.kingdom.clone(),
            category: document.category.clone(),
            directive_id: alarm.directive_id,
            risk: document.risk,
            risk_class: Class(document.risk_class),
            src_ips: document.src_ips.clone(),
            dst_ips: document.dst_ips.clone(),
            networks: document.networks.clone(),
            created_time: document.created_time,
            update_time: document.update_time,
            stages: document.rules.len(),
            finished_stages: finished_stages(alarm),
            findings: document.intel_hits.len() + document.vulnerabilities.len(),
        }
    }
}
