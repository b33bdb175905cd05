//! Rules: of which alarms people are told, how often, where, and when not.

use dsiem_core::risk::RiskClass;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::occasion::{Class, Facts, Kind, Occasion};
use super::quiet::{Meanwhile, Quiet, QuietHours};

/// Characters of a name.
pub(super) const MAX_NAME: usize = 100;
/// Values in one list of a condition.
const MAX_VALUES: usize = 500;
/// Channels of one rule.
const MAX_CHANNELS: usize = 20;
/// The highest limit of one rule for an hour, and the one that it has where none is said.
const MAX_PER_HOUR: u32 = 1_000;
const DEFAULT_PER_HOUR: u32 = 60;
/// The time of which a rule's limit is.
const HOUR_SECS: i64 = 3_600;

/// A rule, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationRule)]
pub struct Rule {
    /// What people call it; no two have the same.
    pub name: String,
    /// Whether it tells anything.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Of which alarms it tells.
    #[serde(default)]
    pub condition: Condition,
    /// How often it tells of one alarm.
    pub when: When,
    /// The ids of the channels where it tells.
    pub channels: Vec<i64>,
    /// When it keeps quiet.
    #[serde(default)]
    pub quiet_hours: Option<QuietHours>,
    /// How much it tells in an hour, 1 to 1000; what is beyond becomes one summary at the end of the hour.
    #[serde(default = "default_per_hour")]
    pub max_per_hour: u32,
}

/// Which alarms: those that fit everything that is said here. An empty list says nothing, a list says "one of these".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NotificationCondition)]
pub struct Condition {
    /// The class of its risk: `Low`, `Medium`, `High`.
    #[schema(value_type = Vec<String>)]
    pub class: Vec<Class>,
    /// The directive's id.
    pub directive: Vec<u64>,
    /// The users' word for what it is.
    pub tag: Vec<String>,
    /// The users' word for how far it is.
    pub status: Vec<String>,
    /// The directive's kingdom.
    pub kingdom: Vec<String>,
    /// The directive's category.
    pub category: Vec<String>,
    /// Networks such as `10.0.0.0/8`, or addresses: one of its sources or destinations is in one of them.
    pub network: Vec<String>,
    /// Texts: one of them is in its title, however it is written.
    pub title: Vec<String>,
}

/// How often a rule tells of one alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationWhen)]
pub enum When {
    /// Once: when it first fits.
    First,
    /// Also each time that its class rises, a further stage is complete, or it is opened again.
    EveryEscalation,
}

fn yes() -> bool {
    true
}

fn default_per_hour() -> u32 {
    DEFAULT_PER_HOUR
}

/// A rule that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pub(super) rule: Rule,
    networks: Vec<IpNet>,
    titles: Vec<String>,
    pub(super) quiet: Option<Quiet>,
}

/// How much a rule has told in the current hour. It begins when something is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// In seconds since 1970.
    pub(super) start: i64,
    pub(super) told: u32,
}

/// What a rule makes of an occasion that fits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is told at once.
    Tell,
    /// It is told in a summary at this time, in seconds since 1970.
    Hold(i64, Why),
    /// It is not told.
    Drop,
}

/// Why something is told later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// It happened in quiet hours.
    QuietHours,
    /// The rule had told as much as it may in an hour.
    TooMany,
}

impl Rule {
    /// A rule that can be asked, or what is wrong with this one.
    pub(super) fn compile(&self) -> Result<Judge, String> {
        check_name(&self.name)?;
        if !(1..=MAX_CHANNELS).contains(&self.channels.len()) {
            return Err(format!("channels must be 1 to {MAX_CHANNELS} ids of channels"));
        }
        if !(1..=MAX_PER_HOUR).contains(&self.max_per_hour) {
            return Err(format!("max_per_hour must be 1 to {MAX_PER_HOUR}"));
        }
        let condition = &self.condition;
        for (name, values) in [
            ("tag", &condition.tag),
            ("status", &condition.status),
            ("kingdom", &condition.kingdom),
            ("category", &condition.category),
            ("network", &condition.network),
            ("title", &condition.title),
        ] {
            if values.len() > MAX_VALUES || values.iter().any(String::is_empty) {
                return Err(format!(
                    "condition.{name} must be at most {MAX_VALUES} texts, none of them empty"
                ));
            }
        }
        if condition.directive.len() > MAX_VALUES {
            return Err(format!("condition.directive must be at most {MAX_VALUES} ids"));
        }
        Ok(Judge {
            networks: condition.network.iter().map(|text| network(text)).collect::<Result<_, _>>()?,
            titles: condition.title.iter().map(|text| text.to_lowercase()).collect(),
            quiet: self.quiet_hours.as_ref().map(QuietHours::compile).transpose()?,
            rule: self.clone(),
        })
    }
}

/// Whether something can be called this.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_fine =
        !name.trim().is_empty() && name.chars().count() <= MAX_NAME && !name.contains(char::is_control);
    if is_fine { Ok(()) } else { Err(format!("name must be 1 to {MAX_NAME} characters, on one line")) }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
    network.map_err(|_| {
        format!("condition.network {text:?} is no network; write one such as 10.0.0.0/8 or 10.0.0.7")
    })
}

impl Judge {
    /// Whether an occasion is one that the rule tells of, as far as the alarm itself says.
    pub(super) fn fits(&self, occasion: &Occasion) -> bool {
        self.rule.enabled && self.fits_alarm(&occasion.facts)
    }

    fn fits_alarm(&self, facts: &Facts) -> bool {
        let condition = &self.rule.condition;
        is_among(&condition.class, &facts.risk_class)
            && (condition.directive.is_empty()
                || facts.directive_id.is_some_and(|id| condition.directive.contains(&id)))
            && is_among(&condition.tag, &facts.tag)
            && is_among(&condition.status, &facts.status)
            && is_among(&condition.kingdom, &facts.kingdom)
            && is_among(&condition.category, &facts.category)
            && self.fits_addresses(facts)
            && self.fits_title(&facts.title)
    }

    fn fits_addresses(&self, facts: &Facts) -> bool {
        let mut addresses = facts.src_ips.iter().chain(&facts.dst_ips);
        self.networks.is_empty()
            || addresses.any(|address| self.networks.iter().any(|network| network.contains(address)))
    }

    fn fits_title(&self, title: &str) -> bool {
        if self.titles.is_empty() {
            return true;
        }
        let title = title.to_lowercase();
        self.titles.iter().any(|text| title.contains(text))
    }

    /// What becomes of an occasion that fits. What is told is counted in `window`.
    pub(super) fn verdict(&self, class: Class, window: &mut Window, now: i64) -> Verdict {
        if let Some((quiet, end)) = self.is_quiet(now)
            && !(quiet.high_breaks_through && class.0 == RiskClass::High)
        {
            return match quiet.meanwhile {
                Meanwhile::Summary => Verdict::Hold(end, Why::QuietHours),
                Meanwhile::Drop => Verdict::Drop,
            };
        }
        // Clocks may go back: an hour that begins in the future is none.
        if !(window.start..window.start.saturating_add(HOUR_SECS)).contains(&now) {
            *window = Window { start: now, told: 0 };
        }
        if window.told >= self.rule.max_per_hour {
            return Verdict::Hold(window.start + HOUR_SECS, Why::TooMany);
        }
        window.told += 1;
        Verdict::Tell
    }

    /// Its quiet hours, and when they end, if it is in them.
    pub(super) fn is_quiet(&self, now: i64) -> Option<(&Quiet, i64)> {
        let quiet = self.quiet.as_ref()?;
        quiet.ends(now).map(|end| (quiet, end))
    }
}

fn is_among<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

impl Kind {
    /// What happened, in words that follow the title.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Appeared => "new alarm",
            Self::ClassRose => "its risk class rose",
            Self::StageCompleted => "a further stage is complete",
            Self::Reopened => "open again",
        }
    }
}
