//! gRPC and HTTP servers and clients, compression with caps, and an in-memory twin for tests.
