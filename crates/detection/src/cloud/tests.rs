//! Every detector against the service of its provider, against those of the others, and against what no service should be.

mod fake;
mod providers;
mod right;
mod wrong;

use crate::cloud::{aks, azure, ec2, ecs, eks, gce, gke};
use crate::{Detector, Kind, Outcome, Place, Value, Wanted};
use fake::{Body, Does, Fake, METADATA, World};
use http::{Request, Response};
use hyper::body::Incoming;
use std::collections::BTreeMap;

/// In a pod.
const POD: (&str, &str) = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
/// In a task of ECS.
const TASK: (&str, &str) = (
    "ECS_CONTAINER_METADATA_URI_V4",
    "http://169.254.170.2/v4/cd189a933e5849daa93386466019ab50-2495160603",
);

/// A detector, with what it finds itself in, and the service that it asks.
struct Case {
    kind: Kind,
    variables: &'static [(&'static str, &'static str)],
    address: &'static str,
    service: fn(&Request<Incoming>) -> Response<Body>,
}

/// Every detector of a cloud.
const CASES: [Case; 7] = [
    Case {
        kind: Kind::Ec2,
        variables: &[],
        address: METADATA,
        service: providers::amazon,
    },
    Case {
        kind: Kind::Ecs,
        variables: &[TASK],
        address: "169.254.170.2",
        service: providers::ecs,
    },
    Case {
        kind: Kind::Eks,
        variables: &[POD],
        address: METADATA,
        service: providers::amazon,
    },
    Case {
        kind: Kind::Gce,
        variables: &[],
        address: METADATA,
        service: providers::google,
    },
    Case {
        kind: Kind::Gke,
        variables: &[POD],
        address: METADATA,
        service: providers::google,
    },
    Case {
        kind: Kind::Azure,
        variables: &[],
        address: METADATA,
        service: providers::azure,
    },
    Case {
        kind: Kind::Aks,
        variables: &[POD],
        address: METADATA,
        service: providers::azure,
    },
];

impl Case {
    fn of(kind: Kind) -> &'static Case {
        CASES.iter().find(|case| case.kind == kind).unwrap()
    }

    /// Its detector, which asks at `endpoint`, or where the provider says.
    fn detector(&self, endpoint: Option<Place>) -> Box<dyn Detector> {
        let cluster_name = None;
        match self.kind {
            Kind::Ec2 => Box::new(ec2::Ec2 { endpoint }),
            Kind::Ecs => Box::new(ecs::Ecs { endpoint }),
            Kind::Eks => Box::new(eks::Eks {
                endpoint,
                cluster_name,
            }),
            Kind::Gce => Box::new(gce::Gce { endpoint }),
            Kind::Gke => Box::new(gke::Gke { endpoint }),
            Kind::Azure => Box::new(azure::Azure { endpoint }),
            Kind::Aks => Box::new(aks::Aks {
                endpoint,
                cluster_name,
            }),
            other => panic!("{} is no detector of a cloud", other.name()),
        }
    }

    /// What is wanted of it where nothing is said, with these switches.
    fn wanted(&self, switches: &[(&str, bool)]) -> Wanted {
        let switches = switches.iter().map(|(key, on)| ((*key).to_owned(), *on));
        Wanted::new(self.kind.specs(), switches.collect::<BTreeMap<_, _>>())
    }

    /// A world in which `server` is at its address.
    fn world(&self, server: &Fake) -> World {
        let world = World::new(self.variables);
        world.place(self.address, server);
        world
    }

    /// What it makes of a server that does this.
    async fn facing(&self, does: impl Fn(&Request<Incoming>) -> Does + Send + Sync + 'static) -> Outcome {
        let server = Fake::start(does).await;
        self.detect(&self.world(&server)).await
    }

    async fn detect(&self, world: &World) -> Outcome {
        let wanted = self.wanted(&[]);
        self.detector(None).detect(&world.surroundings, &wanted).await
    }
}

/// Attributes in words, for comparing: `key=value`, lists in brackets.
fn shown(outcome: &Outcome) -> Vec<String> {
    let attributes = match outcome {
        Outcome::Found(attributes) | Outcome::Partial { attributes, .. } => attributes,
        other => panic!("nothing is found: {other:?}"),
    };
    let value = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let pair = |attribute: &crate::Attribute| format!("{}={}", attribute.key, value(&attribute.value));
    attributes.iter().map(pair).collect()
}
