//! What a config comes to.

use super::config::{Action, Admission, CardinalityLimitConfig, OverrideConfig};
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{self, Limits, Policies, Policy};
use forebay_core::ComponentError;
use forebay_otlp::views::Resource;
use std::sync::Arc;

/// What the limiter of a processor is made of. `max_bytes` is what its memory comes to.
///
/// # Errors
///
/// None for a config that was read, which checks its rules.
pub(super) fn settings(
    config: &CardinalityLimitConfig,
    max_bytes: u64,
    hasher: SeriesHasher,
) -> Result<limiter::Settings, ComponentError> {
    let rules = config.rules.compile().map_err(ComponentError::new)?;
    Ok(limiter::Settings {
        limits: limits(config),
        group_by: config.group_by.all().to_vec(),
        max_bytes,
        exemplars: whole(config.exemplars.0),
        rules: (!config.rules.is_empty()).then(|| Arc::new(rules)),
        hasher,
    })
}

/// The general action and those of the overrides, by the number of their policies.
pub(super) fn actions(config: &CardinalityLimitConfig) -> Vec<Action> {
    let overrides = config.overrides.iter().map(OverrideConfig::table);
    let overridden = overrides.map(|table| table.action.unwrap_or(config.action));
    std::iter::once(config.action).chain(overridden).collect()
}

/// Whether a config differs from another in limits at most, so that what was learned under one holds under the other.
pub(super) fn differ_in_limits_only(one: &CardinalityLimitConfig, other: &CardinalityLimitConfig) -> bool {
    let metrics = |config: &CardinalityLimitConfig| CardinalityLimitConfig {
        limit: other.limit,
        group_limit: other.group_limit,
        total_limit: other.total_limit,
        action: other.action,
        admission: other.admission,
        idle_timeout: other.idle_timeout,
        examples: other.examples,
        overrides: Vec::new(),
        spans: None,
        logs: None,
        ..config.clone()
    };
    let (ones, others) = (&one.overrides, &other.overrides);
    let is_same = |(one, other): (&OverrideConfig, &OverrideConfig)| one.is_for_the_same(other);
    let overrides_match = ones.len() == others.len() && ones.iter().zip(others).all(is_same);
    overrides_match && metrics(one) == metrics(other)
}

/// What may change while a limiter works: limits, and what is done about what exceeds them. The first policy is the general one; each
/// override has one after it.
pub(super) fn limits(config: &CardinalityLimitConfig) -> Limits {
    let general = Policy {
        limit: series(config.limit.0),
        action: config.action.into(),
        admission: config.admission.into(),
        idle_timeout: config.idle_timeout.seconds(),
    };
    let mut list = vec![general.clone()];
    list.extend(config.overrides.iter().map(|one| overridden(&general, one)));
    let overrides = config.overrides.clone();
    Limits {
        policies: Policies {
            list,
            choose: Arc::new(move |metric, resource| chosen(&overrides, metric, resource)),
        },
        group_limit: config.group_limit.map_or(u64::MAX, |limit| limit.0),
        total_limit: config.total_limit.0,
    }
}

/// The number of the policy for a metric of a resource. A resource that cannot be read satisfies no condition.
fn chosen(overrides: &[OverrideConfig], metric: &[u8], resource: Resource<'_>) -> usize {
    let first = overrides
        .iter()
        .position(|one| one.is_for(metric, resource) == Ok(true));
    first.map_or(0, |place| place + 1)
}

/// A policy with what an override says instead.
fn overridden(general: &Policy, one: &OverrideConfig) -> Policy {
    let table = one.table();
    Policy {
        limit: table.limit.map_or(general.limit, |limit| series(limit.0)),
        action: table.action.map_or(general.action, Into::into),
        admission: table.admission.map_or(general.admission, Into::into),
        idle_timeout: table
            .idle_timeout
            .map_or(general.idle_timeout, |idle| idle.seconds()),
    }
}

fn series(limit: u64) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl From<Action> for limiter::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Fold => limiter::Action::Fold,
            Action::DropAttribute => limiter::Action::DropAttribute,
            Action::Drop => limiter::Action::Drop,
            Action::Observe => limiter::Action::Observe,
        }
    }
}

impl From<Admission> for limiter::Admission {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::FirstCome => limiter::Admission::FirstCome,
            Admission::HeavyHitters => limiter::Admission::HeavyHitters,
        }
    }
}

#[cfg(test)]
mod tests;
