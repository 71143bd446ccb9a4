mod config;
mod grpc;
mod http;
mod life;
mod rig;
