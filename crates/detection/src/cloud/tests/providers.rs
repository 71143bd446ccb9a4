//! What the services of the providers answer, by their documentation.

use super::fake::{Body, answer};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;

const TOKEN: &str = "AQAEAIhUmEj0J5xH3xyzfakefakefakefakefakefakefakefakefake==";

/// Amazon's instance metadata service with version 2 required, and instance tags allowed.
pub(super) fn amazon(request: &Request<Incoming>) -> Response<Body> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let path = request.uri().path();
    if request.method() == Method::PUT {
        let ttl = header("x-aws-ec2-metadata-token-ttl-seconds").and_then(|ttl| ttl.parse::<u32>().ok());
        return match (path, ttl) {
            ("/latest/api/token", _) if header("x-forwarded-for").is_some() => {
                answer(403, "text/html", "Forbidden")
            }
            ("/latest/api/token", Some(1..=21_600)) => answer(200, "text/plain", TOKEN),
            ("/latest/api/token", _) => answer(400, "text/html", "Bad Request"),
            _ => answer(405, "text/html", "Method Not Allowed"),
        };
    }
    if header("x-aws-ec2-metadata-token") != Some(TOKEN) {
        return answer(401, "text/html", "Unauthorized");
    }
    match path {
        "/latest/dynamic/instance-identity/document" => answer(200, "text/plain", IDENTITY),
        "/latest/meta-data/hostname" => answer(200, "text/plain", "ip-10-0-34-27.eu-west-1.compute.internal"),
        "/latest/meta-data/tags/instance" => answer(
            200,
            "text/plain",
            "Name\naws:eks:cluster-name\nteam\nzwei%20Worte",
        ),
        "/latest/meta-data/tags/instance/Name" => answer(200, "text/plain", "worker 7"),
        "/latest/meta-data/tags/instance/aws:eks:cluster-name" => answer(200, "text/plain", "prod"),
        "/latest/meta-data/tags/instance/team" => answer(200, "text/plain", "payments"),
        _ => answer(404, "text/html", "Not Found"),
    }
}

const IDENTITY: &str = r#"{
  "accountId" : "123456789012",
  "architecture" : "arm64",
  "availabilityZone" : "eu-west-1b",
  "billingProducts" : null,
  "devpayProductCodes" : null,
  "marketplaceProductCodes" : null,
  "imageId" : "ami-5fb8c835",
  "instanceId" : "i-1234567890abcdef0",
  "instanceType" : "t4g.medium",
  "kernelId" : null,
  "pendingTime" : "2026-01-12T15:31:22Z",
  "privateIp" : "10.0.34.27",
  "ramdiskId" : null,
  "region" : "eu-west-1",
  "version" : "2017-09-30"
}"#;

/// The task metadata endpoint of a container of Fargate.
pub(super) fn ecs(request: &Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/v4/cd189a933e5849daa93386466019ab50-2495160603/task" => answer(200, "application/json", TASK),
        "/v4/cd189a933e5849daa93386466019ab50-2495160603" => answer(200, "application/json", CONTAINER),
        _ => answer(404, "text/plain", "404 page not found"),
    }
}

const CONTAINER: &str = r#"{
  "DockerId": "cd189a933e5849daa93386466019ab50-2495160603",
  "Name": "agent",
  "DockerName": "agent",
  "Image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/agent:1.2",
  "ImageID": "sha256:25f3695bedfb454a50f12d127839a68ad3caf91e451c1da073db34c542c4d2cb",
  "Labels": {"com.amazonaws.ecs.cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/default"},
  "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
  "Limits": {"CPU": 2},
  "Type": "NORMAL",
  "LogDriver": "awslogs",
  "LogOptions": {"awslogs-group": "/ecs/agent", "awslogs-region": "us-west-2", "awslogs-stream": "ecs/agent/cd18"},
  "ContainerARN": "arn:aws:ecs:us-west-2:111122223333:container/05966557-f16c-49cb-9352-24b3a0dcd0e1",
  "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["192.0.2.3"]}],
  "Snapshotter": "overlayfs"
}"#;

const TASK: &str = r#"{
  "Cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/default",
  "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/e9028f8d5d8e4f258373e7b93ce9a3c3",
  "Family": "checkout", "Revision": "3",
  "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
  "Limits": {"CPU": 0.25, "Memory": 512},
  "AvailabilityZone": "us-west-2a",
  "LaunchType": "FARGATE",
  "Containers": [
    {"DockerId": "cd189a933e5849daa93386466019ab50-2495160603", "Name": "agent", "Type": "NORMAL", "KnownStatus": "RUNNING",
     "LogDriver": "awslogs", "LogOptions": {"awslogs-group": "/ecs/agent", "awslogs-region": "us-west-2", "awslogs-stream": "ecs/agent/cd18"}},
    {"DockerId": "ea32192c8553fbff06c9340478a2ff089b2bb5646fb718b4ee206641c9086d66", "Name": "checkout", "Type": "NORMAL", "KnownStatus": "RUNNING",
     "LogDriver": "awslogs", "LogOptions": {"awslogs-create-group": "true", "awslogs-group": "/ecs/checkout", "awslogs-region": "us-west-2", "awslogs-stream": "ecs/checkout/ea32"}},
    {"DockerId": "0e4ab9d8e5e3", "Name": "init", "Type": "NORMAL", "KnownStatus": "STOPPED",
     "LogDriver": "awslogs", "LogOptions": {"awslogs-group": "/ecs/init", "awslogs-region": "us-west-2", "awslogs-stream": "ecs/init/0e4a"}},
    {"DockerId": "731a0d6a3b42", "Name": "~internal~ecs~pause", "Type": "CNI_PAUSE", "KnownStatus": "RUNNING"}
  ]
}"#;

/// Google's metadata server on a node of GKE, whose instance group is regional.
pub(super) fn google(request: &Request<Incoming>) -> Response<Body> {
    let flavored = request
        .headers()
        .get("metadata-flavor")
        .is_some_and(|value| value == "Google");
    let path = request
        .uri()
        .path()
        .strip_prefix("/computeMetadata/v1/")
        .unwrap_or_default();
    let text = |body: &'static str| answer(200, "application/text", body);
    let mut response = match path {
        _ if !flavored => answer(
            403,
            "text/html; charset=UTF-8",
            "<!DOCTYPE html>Missing Metadata-Flavor:Google header.",
        ),
        "instance/id" => text("3497812534567890123"),
        "instance/zone" => text("projects/815104487210/zones/europe-west3-c"),
        "instance/machine-type" => text("projects/815104487210/machineTypes/n2d-standard-4"),
        "instance/name" => text("gke-prod-pool-1-7d1a9c3e-x2vj"),
        "instance/hostname" => text("gke-prod-pool-1-7d1a9c3e-x2vj.c.acme-prod.internal"),
        "project/project-id" => text("acme-prod"),
        "instance/attributes/cluster-name" => text("prod"),
        "instance/attributes/cluster-location" => text("europe-west3"),
        "instance/attributes/created-by" => {
            text("projects/815104487210/regions/europe-west3/instanceGroupManagers/gke-prod-pool-1")
        }
        _ => answer(
            404,
            "text/html; charset=UTF-8",
            "<!DOCTYPE html>Error 404 (Not Found)!!1",
        ),
    };
    response
        .headers_mut()
        .insert("metadata-flavor", "Google".parse().unwrap());
    response
        .headers_mut()
        .insert("server", "Metadata Server for VM".parse().unwrap());
    response
}

/// Azure's instance metadata service on a node of AKS.
pub(super) fn azure(request: &Request<Incoming>) -> Response<Body> {
    let json = |status, body: &'static str| answer(status, "application/json; charset=utf-8", body);
    let asked = |headers: &HeaderMap| headers.get("metadata").is_some_and(|value| value == "true");
    if !asked(request.headers()) || request.headers().contains_key("x-forwarded-for") {
        return json(
            400,
            r#"{"error": "Bad request. Required metadata header not specified"}"#,
        );
    }
    let query = request.uri().query().unwrap_or_default();
    if !query.split('&').any(|pair| pair == "api-version=2021-02-01") {
        return json(
            400,
            r#"{"error": "Bad request. api-version was not specified in the request", "newest-versions": ["2023-07-01"]}"#,
        );
    }
    match request.uri().path() {
        _ if request.method() != Method::GET => json(405, r#"{"error": "Method not allowed"}"#),
        "/metadata/instance/compute" => json(200, COMPUTE),
        _ => json(404, r#"{"error": "Not found"}"#),
    }
}

const COMPUTE: &str = r#"{
  "azEnvironment": "AzurePublicCloud",
  "isHostCompatibilityLayerVm": "false",
  "location": "westeurope",
  "name": "aks-nodepool1-30371211-vmss_3",
  "osProfile": {"adminUsername": "azureuser", "computerName": "aks-nodepool1-30371211-vmss000003", "disablePasswordAuthentication": "true"},
  "osType": "Linux",
  "placementGroupId": "9f7a6b3d-2c3b-4a6a-8a3e-1b2c3d4e5f60",
  "plan": {"name": "", "product": "", "publisher": ""},
  "platformFaultDomain": "0",
  "provider": "Microsoft.Compute",
  "publicKeys": [],
  "resourceGroupName": "MC_shop-rg_shop_westeurope",
  "resourceId": "/subscriptions/8d10da13-8125-4ba9-a717-bf7490507b3d/resourceGroups/MC_shop-rg_shop_westeurope/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-30371211-vmss/virtualMachines/3",
  "subscriptionId": "8d10da13-8125-4ba9-a717-bf7490507b3d",
  "tags": "aks-managed-poolName:nodepool1;team:shop",
  "tagsList": [{"name": "aks-managed-poolName", "value": "nodepool1"}, {"name": "team", "value": "shop"}],
  "vmId": "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
  "vmScaleSetName": "aks-nodepool1-30371211-vmss",
  "vmSize": "Standard_D4s_v5",
  "zone": "2"
}"#;
