mod client;
mod config;
mod grpc;
mod http;
mod life;
mod partial;
mod rig;
