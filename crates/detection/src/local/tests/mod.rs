//! Local detectors in places that are made up: right, absent, garbage, unreadable.

mod container;
mod env;
mod hanging;
mod host;
mod kubernetes;
mod os;
mod process;

use super::Look;
use crate::*;
use forebay_testkit::SimulatedClock;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// What stands for a file that cannot be read: a directory, which tests that run as root cannot read either.
const UNREADABLE: &str = "\u{0}unreadable";

/// A machine that is made up.
struct Place {
    root: TempDir,
    surroundings: Surroundings,
}

impl Place {
    /// One with these files, by absolute path.
    fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match *content {
                UNREADABLE => std::fs::create_dir(path).unwrap(),
                content => std::fs::write(path, content).unwrap(),
            }
        }
        let surroundings = Surroundings::made_up(root.path(), SimulatedClock::default().clock());
        Place { root, surroundings }
    }

    fn variables(mut self, variables: &[(&str, &str)]) -> Self {
        self.surroundings = self.surroundings.with_variables(variables.iter().copied());
        self
    }

    fn uname(mut self, system: &str, release: &str, node: &str, machine: &str) -> Self {
        self.surroundings = self.surroundings.with_uname(Uname {
            system: system.to_owned(),
            node: node.to_owned(),
            release: release.to_owned(),
            version: "#1 SMP".to_owned(),
            machine: machine.to_owned(),
        });
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let path = self.root.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(Path::new(target), path).unwrap();
        self
    }

    /// What a look comes to that wants what is wanted by default, and `switched` on.
    fn look(&self, kind: Kind, look: &impl Look, switched: &[&str]) -> Seen {
        let switches: BTreeMap<String, bool> = switched.iter().map(|key| ((*key).to_owned(), true)).collect();
        let wanted = Wanted::new(kind.specs(), switches);
        Seen::from(look.look(&self.surroundings, &wanted).within_bounds(&wanted))
    }
}

/// An outcome, in words that are easily written down.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    word: &'static str,
    attributes: Vec<(String, Value)>,
    failure: String,
}

impl From<Outcome> for Seen {
    fn from(outcome: Outcome) -> Self {
        let word = outcome.as_str();
        let failure = outcome.failure().unwrap_or_default().to_owned();
        let attributes = match outcome {
            Outcome::Found(attributes) | Outcome::Partial { attributes, .. } => attributes,
            Outcome::Absent | Outcome::Failed(_) => Vec::new(),
        };
        let pair = |attribute: Attribute| (attribute.key, attribute.value);
        Seen {
            word,
            attributes: attributes.into_iter().map(pair).collect(),
            failure,
        }
    }
}

impl Seen {
    /// Whether it is `word`, with these texts and no other attributes, and says `failure`.
    fn is(&self, word: &str, attributes: &[(&str, &str)], failure: &str) {
        let expected: Vec<(String, Value)> = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        assert_eq!(
            (self.word, &self.attributes),
            (word, &expected),
            "{}",
            self.failure
        );
        assert_eq!(self.failure.is_empty(), failure.is_empty(), "{}", self.failure);
        assert!(self.failure.contains(failure), "{}", self.failure);
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.attributes
            .iter()
            .find(|(found, _)| found == key)
            .map(|(_, value)| value)
    }
}

#[test]
fn every_detector_has_its_name_and_its_attributes_once() {
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.name()), Some(kind));
        let mut keys: Vec<&str> = kind.specs().iter().map(|spec| spec.key).collect();
        assert!(!keys.is_empty(), "{kind:?}");
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count, "{kind:?} has a name twice");
    }
    assert_eq!(Kind::named("hosts"), None);
}
