//! A task of Amazon ECS, by its task metadata endpoint (ECS Developer Guide, "Task metadata endpoint version 4").
//!
//! The agent that runs the task puts the endpoint's address into the environment of each container. It is asked only if it is an
//! address of this host or link: whoever can set a variable must not be able to send questions elsewhere.

use super::facts::{Facts, document, identifier};
use super::spec;
use crate::fetch::{Content, Place, Service};
use crate::{Detector, Outcome, Spec, Surroundings, ValueType, Wanted};
use futures_util::future::{BoxFuture, join};
use serde::Deserialize;

/// What it can find.
pub const SPECS: &[Spec] = &[
    spec("cloud.provider", "`aws`", true),
    spec("cloud.platform", "`aws_ecs`", true),
    spec("cloud.account.id", "task, from `TaskARN`", true),
    spec("cloud.region", "task, from `TaskARN`", true),
    spec("cloud.availability_zone", "task, `AvailabilityZone`", true),
    spec("cloud.resource_id", "container, `ContainerARN`", false),
    spec(
        "aws.ecs.cluster.arn",
        "task, `Cluster`: made into an ARN where it is a name",
        true,
    ),
    spec("aws.ecs.task.arn", "task, `TaskARN`", true),
    spec("aws.ecs.task.family", "task, `Family`", true),
    spec("aws.ecs.task.revision", "task, `Revision`", true),
    spec("aws.ecs.task.id", "task, the end of `TaskARN`", true),
    spec("aws.ecs.launchtype", "task, `LaunchType`, in small letters", true),
    spec("aws.ecs.container.arn", "container, `ContainerARN`", true),
    spec("container.id", "container, `DockerId`", true),
    spec("container.name", "container, `DockerName`", true),
    logs(
        "aws.log.group.names",
        "the other containers of the task that log to CloudWatch: `awslogs-group`",
    ),
    logs("aws.log.group.arns", "the same, as ARNs"),
    logs("aws.log.stream.names", "the same: `awslogs-stream`"),
    logs("aws.log.stream.arns", "the same, as ARNs"),
];

const fn logs(key: &'static str, source: &'static str) -> Spec {
    Spec {
        value: ValueType::Strings,
        ..spec(key, source, true)
    }
}

/// The variables that say where the endpoint is, best first.
const VARIABLES: [&str; 2] = ["ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"];

/// The most containers of a task whose logs are told: ECS allows ten in a task.
const CONTAINERS_MAX: usize = 32;

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Ecs {
    /// Where the endpoint of this container is; where the environment says if nothing is said.
    pub endpoint: Option<Place>,
}

/// The task, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Task {
    #[serde(rename = "TaskARN")]
    arn: String,
    cluster: Option<String>,
    family: Option<String>,
    revision: Option<String>,
    availability_zone: Option<String>,
    launch_type: Option<String>,
    #[serde(default)]
    containers: Vec<Container>,
}

/// A container, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    docker_id: String,
    docker_name: Option<String>,
    #[serde(rename = "ContainerARN")]
    arn: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    known_status: Option<String>,
    log_driver: Option<String>,
    #[serde(default)]
    log_options: LogOptions,
}

/// The options of the log driver `awslogs`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LogOptions {
    awslogs_group: Option<String>,
    awslogs_region: Option<String>,
    awslogs_stream: Option<String>,
}

/// An ARN of a task: `arn:PARTITION:ecs:REGION:ACCOUNT:task/[CLUSTER/]ID`.
#[derive(Debug, PartialEq, Eq)]
struct TaskArn<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    id: &'a str,
}

impl<'a> TaskArn<'a> {
    fn read(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (head, partition, service, region) = (next()?, next()?, next()?, next()?);
        let (account, resource) = (next()?, next()?);
        let id = resource.strip_prefix("task/")?.rsplit('/').next()?;
        (head == "arn" && service == "ecs" && !id.is_empty()).then_some(TaskArn {
            partition,
            region,
            account,
            id,
        })
    }
}

impl Detector for Ecs {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let place = match &self.endpoint {
                Some(place) => Ok(Some(place.clone())),
                None => place_of_environment(surroundings),
            };
            match place {
                Ok(Some(place)) => ask(surroundings, &place, wanted).await,
                Ok(None) => Outcome::Absent,
                Err(wrong) => Outcome::Failed(wrong),
            }
        })
    }
}

fn place_of_environment(surroundings: &Surroundings) -> Result<Option<Place>, String> {
    let set = VARIABLES
        .iter()
        .find_map(|name| Some((*name, surroundings.variable(name)?)));
    set.map(|(name, value)| Place::of_variable(name, value))
        .transpose()
}

async fn ask(surroundings: &Surroundings, place: &Place, wanted: &Wanted) -> Outcome {
    let service = Service::new(surroundings, place);
    let (task, container) = join(
        service.get("/task", Content::Json),
        service.get("", Content::Json),
    )
    .await;
    let failed = |why: &dyn std::fmt::Display| Outcome::Failed(format!("{place}: task: {why}"));
    let task: Task = match task.map(|answer| document(&answer.text)) {
        Ok(Ok(task)) => task,
        Ok(Err(wrong)) => return failed(&wrong),
        Err(error) => return failed(&error),
    };
    if let Err(wrong) = identifier("TaskARN", &task.arn) {
        return failed(&wrong);
    }
    let Some(arn) = TaskArn::read(&task.arn) else {
        return failed(&"`TaskARN` is not the ARN of a task");
    };
    let mut facts = Facts::new(wanted);
    describe_task(&mut facts, &task, &arn);
    match container.map(|answer| document::<Container>(&answer.text)) {
        Ok(Ok(container)) => describe_container(&mut facts, &container, &task, &arn),
        Ok(Err(wrong)) => facts.failed("container", &wrong),
        Err(error) => facts.failed("container", &error),
    }
    facts.outcome()
}

fn describe_task(facts: &mut Facts<'_>, task: &Task, arn: &TaskArn<'_>) {
    facts.text("cloud.provider", Some("aws"));
    facts.text("cloud.platform", Some("aws_ecs"));
    facts.text("cloud.account.id", Some(arn.account));
    facts.text("cloud.region", Some(arn.region));
    facts.text("cloud.availability_zone", task.availability_zone.as_deref());
    facts.text("aws.ecs.task.arn", Some(&task.arn));
    facts.text("aws.ecs.task.id", Some(arn.id));
    facts.text("aws.ecs.task.family", task.family.as_deref());
    facts.text("aws.ecs.task.revision", task.revision.as_deref());
    let launch_type = task.launch_type.as_ref().map(|kind| kind.to_ascii_lowercase());
    facts.text("aws.ecs.launchtype", launch_type.as_deref());
    // Agents on EC2 tell the name of the cluster only.
    let cluster = task
        .cluster
        .as_ref()
        .map(|cluster| match cluster.starts_with("arn:") {
            true => cluster.clone(),
            false => {
                let (partition, region, account) = (arn.partition, arn.region, arn.account);
                format!("arn:{partition}:ecs:{region}:{account}:cluster/{cluster}")
            }
        });
    facts.text("aws.ecs.cluster.arn", cluster.as_deref());
}

fn describe_container(facts: &mut Facts<'_>, container: &Container, task: &Task, arn: &TaskArn<'_>) {
    facts.text("aws.ecs.container.arn", container.arn.as_deref());
    facts.text("cloud.resource_id", container.arn.as_deref());
    facts.text("container.id", Some(&container.docker_id));
    facts.text("container.name", container.docker_name.as_deref());
    let others = task
        .containers
        .iter()
        .filter(|other| other.docker_id != container.docker_id);
    let logs: Vec<LogPlace> = others
        .filter_map(|other| LogPlace::of(other, arn))
        .take(CONTAINERS_MAX)
        .collect();
    let all = |part: fn(&LogPlace) -> String| logs.iter().map(part).collect();
    facts.list("aws.log.group.names", all(|log| log.group.clone()));
    facts.list("aws.log.group.arns", all(|log| log.group_arn.clone()));
    facts.list("aws.log.stream.names", all(|log| log.stream.clone()));
    facts.list(
        "aws.log.stream.arns",
        all(|log| format!("{}:log-stream:{}", log.group_arn, log.stream)),
    );
}

/// Where a container logs to.
#[derive(Debug)]
struct LogPlace {
    group: String,
    group_arn: String,
    stream: String,
}

impl LogPlace {
    /// Of the containers that the task is there for: running, and not those that the agent itself adds.
    fn of(container: &Container, arn: &TaskArn<'_>) -> Option<Self> {
        let is = |what: &Option<String>, wanted: &str| what.as_deref() == Some(wanted);
        let counts = is(&container.kind, "NORMAL") && is(&container.known_status, "RUNNING");
        let options = &container.log_options;
        let (group, stream) = (options.awslogs_group.as_ref()?, options.awslogs_stream.as_ref()?);
        let region = options.awslogs_region.as_deref().unwrap_or(arn.region);
        (counts && is(&container.log_driver, "awslogs")).then(|| LogPlace {
            group: group.clone(),
            group_arn: format!(
                "arn:{}:logs:{region}:{}:log-group:{group}",
                arn.partition, arn.account
            ),
            stream: stream.clone(),
        })
    }
}
