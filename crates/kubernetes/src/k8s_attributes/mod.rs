//! `k8s_attributes`: says of every resource which pod, node and workload it came from.

pub mod config;
