//! Makes a plan of policies.

use super::formula::{Compiled, Formula, Limit, Part};
use super::limit::Flow;
use super::lot::Salted;
use super::predicates::Predicates;
use super::rule::{Composite, Policy, Rule, Share};
use super::{Plan, PlanError};
use crate::probability::{Precision, Threshold};

/// The most policies of a plan, the most different predicates in them, and the most different thresholds.
pub const MOST: usize = 64;

/// What is collected while policies are compiled.
#[derive(Default)]
struct Compiler {
    predicates: Predicates,
    thresholds: Vec<Threshold>,
    windows: usize,
    buckets: usize,
}

impl Plan {
    /// Compiles policies, which are asked in this order.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn new(policies: &[Policy]) -> Result<Plan, PlanError> {
        if policies.len() > MOST {
            return Err(PlanError::TooManyPolicies);
        }
        let mut compiler = Compiler::default();
        let mut compiled = Vec::with_capacity(policies.len());
        for policy in policies {
            let made = compiler.policy(policy).map_err(|fault| PlanError::Policy {
                name: policy.name.clone(),
                fault,
            })?;
            compiled.push(made);
        }
        compiler.thresholds.sort_unstable();
        compiler.thresholds.dedup();
        if compiler.thresholds.len() > MOST {
            return Err(PlanError::TooManyShares);
        }
        Ok(Plan {
            policies: compiled.into(),
            asked: compiler.predicates.finish().ok_or(PlanError::TooManyPredicates)?,
            thresholds: compiler.thresholds.into(),
            windows: compiler.windows,
            buckets: compiler.buckets,
        })
    }
}

/// What is wrong with one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// A rule that limits rates stands where its answer would be negated or would drop traces.
    #[error(
        "a limit of spans or bytes has no place here: its answer depends on what passed before, and can only hold back traces"
    )]
    LimitInside,
    /// `drop` is a part of another rule.
    #[error("`drop` has to be a policy of its own: it decides about the whole trace")]
    DropInside,
    /// There is nothing in `and`, `or`, `drop` or `composite`.
    #[error("it has no rules in it, and so asks nothing")]
    Empty,
}

impl Compiler {
    fn policy(&mut self, policy: &Policy) -> Result<Compiled, PolicyFault> {
        let mut limits = Vec::new();
        let (formula, drops) = match &policy.rule {
            Rule::Drop(rules) => (self.all(rules, None)?, true),
            rule => (self.rule(rule, Some(&mut limits))?, false),
        };
        Ok(Compiled {
            name: policy.name.as_str().into(),
            formula,
            limits: limits.into(),
            drops,
        })
    }

    /// The formula of a rule. Its limits go into `limits`, if it may have any.
    fn rule(&mut self, rule: &Rule, limits: Option<&mut Vec<Limit>>) -> Result<Formula, PolicyFault> {
        Ok(match rule {
            Rule::Always => Formula::Constant(true),
            Rule::Attribute(rule) => Formula::Bit(self.predicates.attribute(rule)),
            Rule::Status(statuses) => Formula::Bit(self.predicates.status(*statuses)),
            Rule::TraceState { key, values } => Formula::Bit(self.predicates.trace_state(key, values)),
            Rule::SampledFlag => Formula::Bit(self.predicates.sampled_flag()),
            Rule::Duration { min, max } => between(*min, *max, Formula::LongerThan),
            Rule::Spans { min, max } => between(*min, *max, Formula::MoreThan),
            Rule::Share(share) => self.share(share),
            Rule::Not(inner) => Formula::Not(Box::new(self.rule(inner, None)?)),
            Rule::And(rules) => self.all(rules, limits)?,
            Rule::Or(rules) => Formula::Or(self.each(rules, None)?),
            Rule::Drop(_) => return Err(PolicyFault::DropInside),
            Rule::SpanRate { .. } | Rule::ByteRate { .. } | Rule::Composite(_) => {
                let limits = limits.ok_or(PolicyFault::LimitInside)?;
                self.limit(rule, limits)?
            }
        })
    }

    fn all(&mut self, rules: &[Rule], limits: Option<&mut Vec<Limit>>) -> Result<Formula, PolicyFault> {
        self.each(rules, limits).map(Formula::And)
    }

    fn each(
        &mut self,
        rules: &[Rule],
        mut limits: Option<&mut Vec<Limit>>,
    ) -> Result<Box<[Formula]>, PolicyFault> {
        if rules.is_empty() {
            return Err(PolicyFault::Empty);
        }
        rules
            .iter()
            .map(|rule| self.rule(rule, limits.as_deref_mut()))
            .collect()
    }

    fn limit(&mut self, rule: &Rule, limits: &mut Vec<Limit>) -> Result<Formula, PolicyFault> {
        match rule {
            Rule::SpanRate { spans_per_second } => limits.push(Limit::Spans {
                window: self.window(),
                most: *spans_per_second,
            }),
            Rule::ByteRate {
                bytes_per_second,
                burst,
            } => {
                limits.push(Limit::Bytes {
                    bucket: self.buckets,
                    flow: Flow {
                        bytes_per_second: *bytes_per_second,
                        burst: *burst,
                    },
                });
                self.buckets += 1;
            }
            Rule::Composite(composite) => return self.composite(composite, limits),
            _ => {}
        }
        Ok(Formula::Constant(true))
    }

    fn composite(&mut self, composite: &Composite, limits: &mut Vec<Limit>) -> Result<Formula, PolicyFault> {
        let window = self.window();
        let mut parts = Vec::with_capacity(composite.policies.len());
        for policy in &composite.policies {
            parts.push(Part {
                name: policy.name.as_str().into(),
                formula: self.rule(&policy.rule, None)?,
                window: self.window(),
                most: policy.spans_per_second,
            });
        }
        if parts.is_empty() {
            return Err(PolicyFault::Empty);
        }
        let one_of_them = parts.iter().map(|part| part.formula.clone()).collect();
        limits.push(Limit::Composite {
            window,
            most: composite.spans_per_second,
            parts: parts.into(),
        });
        Ok(Formula::Or(one_of_them))
    }

    fn window(&mut self) -> usize {
        self.windows += 1;
        self.windows - 1
    }

    fn share(&mut self, share: &Share) -> Formula {
        if let Some(salt) = &share.hash_salt {
            return match Salted::new(salt, share.ratio) {
                Some(salted) => Formula::Lot(self.predicates.salted(salted)),
                None => Formula::Constant(false),
            };
        }
        match Threshold::from_probability(share.ratio, Precision::DEFAULT) {
            Some(Threshold::ALWAYS) => Formula::Constant(true),
            Some(threshold) => {
                self.thresholds.push(threshold);
                Formula::Keeps(threshold)
            }
            None => Formula::Constant(false),
        }
    }
}

/// Whether a number is between two, which are included, given how to ask whether it is above one.
fn between<T: Copy + Into<u64> + TryFrom<u64>>(
    min: T,
    max: Option<T>,
    above: impl Fn(T) -> Formula,
) -> Formula {
    let least = match min.into().checked_sub(1).map(T::try_from) {
        Some(Ok(below)) => above(below),
        _ => Formula::Constant(true),
    };
    match max {
        Some(max) => Formula::And([least, Formula::Not(Box::new(above(max)))].into()),
        None => least,
    }
}
