//! The risk of an alarm, and its class.

use std::fmt;

/// The highest risk that priority, reliability and asset value in their ranges give.
pub const MAX_RISK: u8 = 10;

/// Where `Medium` begins and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskLimits {
    med_min: u8,
    med_max: u8,
}

/// The limits of the medium class are not in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "med_risk_min {med_min} and med_risk_max {med_max} do not fit: it must be 2 <= med_risk_min < med_risk_max <= 9, \
     for example 3 and 6"
)]
pub struct RiskLimitsError {
    med_min: u8,
    med_max: u8,
}

/// How bad a risk is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskClass {
    /// Below `med_risk_min`.
    Low,
    /// From `med_risk_min` up to and including `med_risk_max`.
    Medium,
    /// Above `med_risk_max`.
    High,
}

impl Default for RiskLimits {
    fn default() -> Self {
        Self { med_min: 3, med_max: 6 }
    }
}

impl RiskLimits {
    /// Limits in order.
    ///
    /// # Errors
    /// Unless `2 <= med_min < med_max <= 9`.
    pub fn new(med_min: u8, med_max: u8) -> Result<Self, RiskLimitsError> {
        if 2 <= med_min && med_min < med_max && med_max <= 9 {
            Ok(Self { med_min, med_max })
        } else {
            Err(RiskLimitsError { med_min, med_max })
        }
    }

    /// The class of a risk.
    #[must_use]
    pub fn class_of(self, risk: u8) -> RiskClass {
        if risk < self.med_min {
            RiskClass::Low
        } else if risk <= self.med_max {
            RiskClass::Medium
        } else {
            RiskClass::High
        }
    }
}

impl RiskClass {
    /// As alarm documents spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

impl fmt::Display for RiskClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `priority × reliability × asset_value / 25`, at most [`MAX_RISK`].
///
/// `reliability` is that of the stage just completed, `asset_value` the highest of the alarm's addresses.
#[must_use]
pub fn risk(priority: u8, reliability: u8, asset_value: u8) -> u8 {
    let risk = u32::from(priority) * u32::from(reliability) * u32::from(asset_value) / 25;
    u8::try_from(risk).map_or(MAX_RISK, |risk| risk.min(MAX_RISK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_product_divided_by_25_and_rounded_down() {
        let check = |factors: (u8, u8, u8), expected: u8| {
            assert_eq!(risk(factors.0, factors.1, factors.2), expected, "{factors:?}");
        };
        check((1, 1, 1), 0);
        check((0, 10, 5), 0);
        check((5, 10, 0), 0);
        check((3, 3, 3), 1);
        check((5, 4, 2), 1);
        check((5, 5, 2), 2);
        // In eight bits this would wrap around: 5 × 10 × 5 = 250 does not, 5 × 10 × 6 would.
        check((5, 10, 5), 10);
        check((255, 255, 255), MAX_RISK);
    }

    #[test]
    fn classes_begin_and_end_where_the_limits_say() {
        let check = |limits: (u8, u8), risk: u8, expected: &str| {
            let limits = RiskLimits::new(limits.0, limits.1).unwrap();
            assert_eq!(limits.class_of(risk).as_str(), expected, "{limits:?} {risk}");
        };
        check((3, 6), 0, "Low");
        check((3, 6), 2, "Low");
        check((3, 6), 3, "Medium");
        check((3, 6), 6, "Medium");
        check((3, 6), 7, "High");
        check((2, 9), 10, "High");
        check((2, 9), 9, "Medium");
        assert_eq!(RiskLimits::default(), RiskLimits::new(3, 6).unwrap());
    }

    #[test]
    fn limits_out_of_order_are_refused_with_the_numbers_and_the_rule() {
        for (min, max) in [(1, 6), (0, 0), (3, 3), (6, 3), (2, 10), (255, 255)] {
            let error = RiskLimits::new(min, max).unwrap_err().to_string();
            assert!(error.contains(&format!("med_risk_min {min} and med_risk_max {max}")), "{error}");
            assert!(error.contains("2 <= med_risk_min < med_risk_max <= 9"), "{error}");
        }
    }
}
